//! What a process has gathered of amounts and business metrics, and when it is written.
//!
//! A log line costs $0.50 a gigabyte, so that a line for each request would cost more than counting it. `api` and
//! `usage`, which are invoked for every event in the worst case, therefore write at the end of the first invocation
//! that ends a minute or more after the last lines; the others, which work seldom, at the end of each. A process that
//! is stopped takes at most that minute of figures with it, never data: counters and invoices do not pass here.
//!
//! One line carries all metrics of a function (a metric for each line would repeat the frame), another one each tenant's
//! amounts. Amounts are properties, not metrics: a metric costs $0.30 a month for each value of its dimensions, and
//! what they would show as graphs AWS shows for its own services free of charge.

use super::{Amounts, Function, lock};
use domain::{Timestamp, id::TenantId};
use jiff::SignedDuration;
use std::{collections::BTreeMap, sync::Mutex};

/// How long the functions that work all the time gather.
const GATHERED_FOR: SignedDuration = SignedDuration::from_mins(1);
/// Tenants of which a function gathers; with more of them it writes at once.
const TENANTS_MAX: usize = 1_000;

/// What was spent and counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    /// By tenant; `None` is what was for no one tenant.
    pub(crate) amounts: BTreeMap<Option<TenantId>, Amounts>,
    /// Business metrics by name.
    pub(crate) counted: BTreeMap<&'static str, u64>,
}

impl Spent {
    pub(super) fn add(&mut self, tenant_id: Option<TenantId>, amounts: &Amounts) {
        *self.amounts.entry(tenant_id).or_default() += amounts;
    }

    pub(super) fn count(&mut self, name: &'static str, value: u64) {
        let sum = self.counted.entry(name).or_default();
        *sum = sum.saturating_add(value);
    }

    /// What was for nobody was for this tenant.
    pub(super) fn give_to(&mut self, tenant_id: TenantId) {
        if let Some(amounts) = self.amounts.remove(&None) {
            self.add(Some(tenant_id), &amounts);
        }
    }

    fn merge(&mut self, more: &Self) {
        for (tenant_id, amounts) in &more.amounts {
            self.add(*tenant_id, amounts);
        }
        for (name, value) in &more.counted {
            self.count(name, *value);
        }
    }
}

/// What the functions of this process have gathered since their last lines.
#[derive(Debug, Default)]
pub struct Gathered(Mutex<BTreeMap<Function, Account>>);

#[derive(Debug, Default)]
struct Account {
    gathered: Spent,
    written_at: Option<Timestamp>,
}

impl Gathered {
    /// Adds an invocation; answers all that was gathered if it is time to write it.
    pub(crate) fn settle(&self, function: Function, spent: &Spent, now: Timestamp) -> Option<Spent> {
        let mut accounts = lock(&self.0);
        let account = accounts.entry(function).or_default();
        account.gathered.merge(spent);
        let fresh = account.written_at.is_some_and(|at| now.duration_since(at).abs() < gathered_for(function));
        if fresh && account.gathered.amounts.len() <= TENANTS_MAX {
            return None;
        }
        account.written_at = Some(now);
        Some(std::mem::take(&mut account.gathered))
    }

    /// Takes what is gathered and not written yet.
    pub(crate) fn take(&self) -> Vec<(Function, Spent)> {
        let mut accounts = lock(&self.0);
        accounts.iter_mut().map(|(function, account)| (*function, std::mem::take(&mut account.gathered))).collect()
    }
}

fn gathered_for(function: Function) -> SignedDuration {
    match function {
        Function::Api | Function::Usage => GATHERED_FOR,
        Function::Billing | Function::Invoice | Function::Webhook => SignedDuration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn one_event() -> Spent {
        let mut spent = Spent::default();
        spent.add(None, &Amounts { events: 1, ..Amounts::default() });
        spent.count("EventsAccepted", 1);
        spent
    }

    fn events(due: Option<&Spent>) -> Option<(u64, u64)> {
        due.map(|due| (due.amounts[&None].events, due.counted["EventsAccepted"]))
    }

    #[test]
    fn a_busy_function_writes_once_a_minute() {
        let gathered = Gathered::default();
        // Seconds of the invocations, and what each of them writes.
        let invocations = [
            (0, Some((1, 1))),
            (1, None),
            (59, None),
            (60, Some((3, 3))),
            (119, None),
            (600, Some((2, 2))),
            // A clock that was turned back far.
            (10, Some((1, 1))),
        ];
        for (second, expect) in invocations {
            let due = gathered.settle(Function::Api, &one_event(), at(second));
            assert_eq!(events(due.as_ref()), expect, "second {second}");
        }
    }

    #[test]
    fn a_seldom_function_writes_every_time() {
        let gathered = Gathered::default();
        for _ in 0..3 {
            let due = gathered.settle(Function::Billing, &one_event(), at(0));
            assert_eq!(events(due.as_ref()), Some((1, 1)));
        }
    }

    #[test]
    fn too_many_tenants_are_written_at_once() {
        let gathered = Gathered::default();
        assert!(gathered.settle(Function::Usage, &Spent::default(), at(0)).is_some());
        let written = (0..2_000).filter(|tenant: &u32| {
            let mut spent = Spent::default();
            let tenant_id = TenantId::derived(&[&tenant.to_string()]);
            spent.add(Some(tenant_id), &Amounts { events: 1, ..Amounts::default() });
            gathered.settle(Function::Usage, &spent, at(1)).is_some()
        });
        // The 1,001st, and not yet the 2,002nd.
        assert_eq!(written.collect::<Vec<_>>(), [1_000]);
    }

    #[test]
    fn what_is_not_written_yet_can_be_taken() {
        let gathered = Gathered::default();
        gathered.settle(Function::Api, &one_event(), at(0));
        gathered.settle(Function::Api, &one_event(), at(1));
        let taken = gathered.take();
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].0, events(Some(&taken[0].1))), (Function::Api, Some((1, 1))));
    }
}
