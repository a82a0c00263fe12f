//! The deployed `usage` function.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::telemetry::init();
    let world = &cloud::World::from_env().await?;
    let lanes = &usage::Lanes::default();
    run(service_fn(
        |event: LambdaEvent<_>| async move { Ok::<_, Error>(usage::handle(world, lanes, event.payload).await) },
    ))
    .await
}
