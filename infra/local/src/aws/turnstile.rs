//! The turnstile: where calls wait until somebody lets them go, one at a time and in an order of his choosing.
//!
//! With it a simulation decides how concurrent handlers interleave: nothing else about them is left to chance. A call is
//! waiting from when its client makes it until [`Turnstile::let_go`]; a caller that is dropped while its call waits was
//! stopped before the call, which then never happens. Only clients made through [`super::EmbeddedAws::with_turnstile`]
//! wait here, so that whoever prepares or audits a run passes by. Everything is meant to run in one thread.

use super::faults::Service;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How much of a request is shown of a call that waits, in bytes.
const EXCERPT_BYTES_MAX: usize = 400;

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingCall {
    /// Its place in the order of arrival, unique for ever.
    pub ticket: u64,
    /// Who was polled when it arrived: what [`Turnstile::polling`] was told last.
    pub caller: u64,
    /// Who is called.
    pub service: Service,
    /// What is asked.
    pub operation: &'static str,
    /// The beginning of the request, if [`Turnstile::with_excerpts`] asked for it; empty otherwise.
    pub excerpt: String,
}

/// Where calls wait.
#[derive(Debug, Default)]
pub struct Turnstile {
    state: Mutex<State>,
    excerpts: bool,
}

#[derive(Debug, Default)]
struct State {
    tickets: u64,
    polling: u64,
    open: bool,
    waiting: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    call: WaitingCall,
    let_go: bool,
    waker: Option<Waker>,
}

impl Turnstile {
    /// The same turnstile, which shows what calls say: for a person who reads along.
    #[must_use]
    pub fn with_excerpts(self) -> Self {
        Self { excerpts: true, ..self }
    }

    /// Lets everything through from now on, or nothing without being asked.
    pub fn stand_open(&self, open: bool) {
        self.state().open = open;
    }

    /// Says whose calls arrive from now on.
    pub fn polling(&self, caller: u64) {
        self.state().polling = caller;
    }

    /// The calls that wait, in the order in which they came.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingCall> {
        self.state().waiting.values().filter(|place| !place.let_go).map(|place| place.call.clone()).collect()
    }

    /// Whether any call waits.
    #[must_use]
    pub fn is_waited_at(&self) -> bool {
        self.state().waiting.values().any(|place| !place.let_go)
    }

    /// Lets the call with this ticket go, once its caller is polled again. Answers whether there was one.
    pub fn let_go(&self, ticket: u64) -> bool {
        let mut state = self.state();
        let Some(place) = state.waiting.get_mut(&ticket).filter(|place| !place.let_go) else { return false };
        place.let_go = true;
        let waker = place.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the call is let go.
    pub(super) fn wait(self: &Arc<Self>, service: Service, operation: &'static str, body: &[u8]) -> Wait {
        let excerpt = if self.excerpts { excerpt(body) } else { String::new() };
        let mut state = self.state();
        state.tickets += 1;
        let ticket = state.tickets;
        let call = WaitingCall { ticket, caller: state.polling, service, operation, excerpt };
        let let_go = state.open;
        state.waiting.insert(ticket, Place { call, let_go, waker: None });
        drop(state);
        Wait { turnstile: Arc::clone(self), ticket }
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES_MAX)]).into_owned()
}

/// A call's wait; dropped before its end, the call leaves.
pub(super) struct Wait {
    turnstile: Arc<Turnstile>,
    ticket: u64,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.turnstile.state();
        match state.waiting.get_mut(&self.ticket) {
            Some(place) if !place.let_go => {
                place.waker = Some(context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.turnstile.state().waiting.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(turnstile: &Arc<Turnstile>, caller: u64, operation: &'static str) -> Pin<Box<Wait>> {
        turnstile.polling(caller);
        Box::pin(turnstile.wait(Service::DynamoDb, operation, b"{}"))
    }

    fn poll(wait: &mut Pin<Box<Wait>>) -> Poll<()> {
        wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn waiting(turnstile: &Turnstile) -> Vec<(u64, u64, &'static str)> {
        turnstile.waiting().into_iter().map(|call| (call.ticket, call.caller, call.operation)).collect()
    }

    #[test]
    fn calls_go_in_the_order_in_which_they_are_let_go() {
        let turnstile = Arc::new(Turnstile::default());
        let (mut first, mut second) = (arrive(&turnstile, 7, "GetItem"), arrive(&turnstile, 8, "PutItem"));
        assert_eq!((poll(&mut first), poll(&mut second)), (Poll::Pending, Poll::Pending));
        assert_eq!(waiting(&turnstile), [(1, 7, "GetItem"), (2, 8, "PutItem")]);
        assert!(turnstile.let_go(2));
        assert_eq!((poll(&mut first), poll(&mut second)), (Poll::Pending, Poll::Ready(())));
        assert_eq!(waiting(&turnstile), [(1, 7, "GetItem")]);
        assert!(!turnstile.let_go(2), "it is gone");
    }

    #[test]
    fn an_open_turnstile_holds_nobody_up() {
        let turnstile = Arc::new(Turnstile::default());
        turnstile.stand_open(true);
        assert_eq!(poll(&mut arrive(&turnstile, 7, "GetItem")), Poll::Ready(()));
        turnstile.stand_open(false);
        assert_eq!(poll(&mut arrive(&turnstile, 7, "GetItem")), Poll::Pending);
    }

    #[test]
    fn a_caller_that_is_dropped_never_calls() {
        let turnstile = Arc::new(Turnstile::default());
        drop(arrive(&turnstile, 7, "GetItem"));
        assert_eq!(waiting(&turnstile), []);
        assert!(!turnstile.let_go(1));
    }
}
