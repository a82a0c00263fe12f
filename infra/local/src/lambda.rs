//! What Lambda and the HTTP door bill for: invocations, their time, and HTTP requests, metered around the functions.
//!
//! Time is the machine's own, whatever the platform's clock says. It is what the function and the embedded AWS took
//! together on this machine, in this build; how long AWS would have let the function wait is not in it.

use crate::{aws::EmbeddedAws, stack::Stack};
use axum::{
    Router,
    body::HttpBody,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use cloud::spend::{self, Function};
use std::time::Instant;

/// Runs `future` as an invocation of the function called `function`, as the template deploys it.
pub(crate) async fn invocation<F: Future>(aws: &EmbeddedAws, stack: &Stack, function: &str, future: F) -> F::Output {
    let started = Instant::now();
    let output = future.await;
    if let Some(invoked) = Function::named(function) {
        let memory_mib = stack.functions.get(function).map_or(0, |function| function.memory_mib);
        aws.meter().invoked(invoked, memory_mib, started.elapsed());
    }
    output
}

/// Runs `future` as Lambda's poller of the queue that feeds `function`.
pub(crate) async fn poller<F: Future>(function: &str, future: F) -> F::Output {
    match Function::named(function) {
        Some(function) => spend::on_behalf_of(function, future).await,
        None => future.await,
    }
}

/// The function `api` behind its HTTP door: each request is one invocation.
pub(crate) fn http_door(router: Router, aws: &EmbeddedAws, stack: &Stack) -> Router {
    let memory_mib = stack.functions.get(Function::Api.name()).map_or(0, |function| function.memory_mib);
    router.layer(middleware::from_fn_with_state((aws.clone(), memory_mib), through_the_door))
}

async fn through_the_door(
    State((aws, memory_mib)): State<(EmbeddedAws, u32)>,
    request: Request,
    next: Next,
) -> Response {
    aws.meter().requested(request.body().size_hint().lower());
    let started = Instant::now();
    let response = next.run(request).await;
    aws.meter().invoked(Function::Api, memory_mib, started.elapsed());
    response
}
