//! The deployed `invoice` function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::telemetry::init();
    let world = &cloud::World::from_env().await?;
    run(service_fn(|event: LambdaEvent<_>| async move { Ok::<_, Error>(invoice::handle(world, event.payload).await) }))
        .await
}
