//! The tenants' endpoint: takes webhooks, refuses some by the seed, and remembers what it took.

use super::chance::Chance;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use webhook::Hook;

/// What endpoints answer when they take a webhook, and when they do not.
const TAKEN: u16 = 200;
const REFUSED: u16 = 503;

/// One endpoint for all tenants, told apart by their path.
#[derive(Debug)]
pub(super) struct Hooks(Mutex<State>);

#[derive(Debug)]
struct State {
    chance: Chance,
    refused_one_in: u64,
    /// How often each event was taken, by tenant and type.
    taken: BTreeMap<(String, String), u64>,
}

impl Hooks {
    /// An endpoint that refuses one call in so many; 0 for none.
    #[must_use]
    pub(super) fn new(seed: u64, refused_one_in: u64) -> Self {
        Self(Mutex::new(State { chance: Chance::new(seed, 0), refused_one_in, taken: BTreeMap::new() }))
    }

    /// From now on it takes everything.
    pub(super) fn calm(&self) {
        self.state().refused_one_in = 0;
    }

    /// Answers a call.
    pub(super) fn take(&self, hook: &Hook<'_>) -> u16 {
        let mut state = self.state();
        let refused_one_in = state.refused_one_in;
        if refused_one_in > 0 && state.chance.one_in(refused_one_in) {
            return REFUSED;
        }
        let tenant = hook.url.rsplit('/').next().unwrap_or_default().to_owned();
        let event: serde_json::Value = serde_json::from_str(hook.body).unwrap_or_default();
        let event_type = event["type"].as_str().unwrap_or_default().to_owned();
        *state.taken.entry((tenant, event_type)).or_default() += 1;
        TAKEN
    }

    /// How often an event of that type was taken from a tenant.
    #[must_use]
    pub(super) fn taken(&self, tenant: &str, event_type: &str) -> u64 {
        self.state().taken.get(&(tenant.to_owned(), event_type.to_owned())).copied().unwrap_or(0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
