//! The webhook function as it is deployed.

use cloud::{World, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use webhook::Caller;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let world = World::from_env().await?;
    let caller = Caller::new(world.settings())?;
    let handle =
        |event: LambdaEvent<_>| async { Ok::<_, Error>(webhook::handle(&world, &caller, event.payload).await) };
    lambda_runtime::run(service_fn(handle)).await
}
