//! The function `api` on AWS Lambda: the same router as everywhere else, in the world that the environment describes.

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    cloud::telemetry::init();
    let world = cloud::World::from_env().await?;
    lambda_http::run(api::router(world)).await
}
