//! The plan of what goes wrong: which call of the embedded AWS fails, and how.
//!
//! A plan is deterministic. A call is hit because of its number, because a predicate picks it, or because a seeded
//! generator says so; never because of time. Every call is counted, hit or not, so that a replay test can fail each
//! call of a handler in turn. What a fault then does to the call is for the connector to decide.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many of the latest calls and fired faults are remembered.
const REMEMBERED_MAX: usize = 20_000;
/// Chances are parts of this.
const CHANCE_WHOLE: u64 = 10_000;

/// A service of the embedded AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon DynamoDB.
    DynamoDb,
    /// Amazon S3.
    S3,
    /// Amazon SNS.
    Sns,
    /// Amazon SQS.
    Sqs,
}

impl Service {
    /// All services, in the order of their names.
    pub const ALL: [Self; 4] = [Self::DynamoDb, Self::S3, Self::Sns, Self::Sqs];

    /// Its name as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::S3 => "S3",
            Self::Sns => "SNS",
            Self::Sqs => "SQS",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One call that reached the embedded AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number since the embedded AWS was opened, from 1.
    pub number: u64,
    /// Who was called.
    pub service: Service,
    /// What was asked, as AWS names it: `TransactWriteItems`, `PublishBatch`, ... and `Unknown` for what is not served.
    pub operation: &'static str,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Throttled before the effect: nothing happened, and the answer says so.
    Refuse,
    /// The effect happens, then the connection times out. The SDK may retry it if its retries are on.
    LoseAnswer,
    /// A transaction (or a single write, as AWS does) meets another one: cancelled without effect.
    TransactionConflict,
    /// The caller dies before the call: no effect, an error that is not retried.
    CrashBefore,
    /// The caller dies after the call: the effect happened, an error that is not retried.
    CrashAfter,
    /// What a `ReceiveMessage` hands out stays visible, so that it is delivered once more at once.
    DuplicateDelivery,
    /// A `ReceiveMessage` hands out the newest messages first.
    ReorderDelivery,
    /// A `PublishBatch` takes some entries and throttles these: bit 0 stands for the first, which is throttled if none
    /// of them is in the batch.
    RefuseEntries(u16),
}

impl Fault {
    /// Every kind, in the order of [`Chances`].
    pub const ALL: [Self; 8] = [
        Self::Refuse,
        Self::LoseAnswer,
        Self::TransactionConflict,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::DuplicateDelivery,
        Self::ReorderDelivery,
        Self::RefuseEntries(u16::MAX),
    ];

    /// Whether this can happen to that call at all.
    #[must_use]
    pub fn fits(self, service: Service, operation: &str) -> bool {
        match self {
            Self::Refuse | Self::LoseAnswer | Self::CrashBefore | Self::CrashAfter => true,
            Self::TransactionConflict => {
                service == Service::DynamoDb
                    && matches!(operation, "TransactWriteItems" | "PutItem" | "UpdateItem" | "DeleteItem")
            }
            Self::DuplicateDelivery | Self::ReorderDelivery => service == Service::Sqs && operation == "ReceiveMessage",
            Self::RefuseEntries(_) => service == Service::Sns && operation == "PublishBatch",
        }
    }

    /// This kind, with what else has to be chosen taken from `drawn`.
    fn drawn(self, drawn: u64) -> Self {
        match self {
            // Only the low bits count: a batch has ten entries.
            Self::RefuseEntries(_) => {
                Self::RefuseEntries(u16::try_from(drawn & u64::from(u16::MAX)).unwrap_or(u16::MAX))
            }
            Self::Refuse
            | Self::LoseAnswer
            | Self::TransactionConflict
            | Self::CrashBefore
            | Self::CrashAfter
            | Self::DuplicateDelivery
            | Self::ReorderDelivery => self,
        }
    }
}

/// How often each kind happens in a seeded plan, in parts of ten thousand calls that it fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chances {
    /// Of [`Fault::Refuse`].
    pub refuse: u16,
    /// Of [`Fault::LoseAnswer`].
    pub lose_answer: u16,
    /// Of [`Fault::TransactionConflict`].
    pub transaction_conflict: u16,
    /// Of [`Fault::CrashBefore`].
    pub crash_before: u16,
    /// Of [`Fault::CrashAfter`].
    pub crash_after: u16,
    /// Of [`Fault::DuplicateDelivery`].
    pub duplicate_delivery: u16,
    /// Of [`Fault::ReorderDelivery`].
    pub reorder_delivery: u16,
    /// Of [`Fault::RefuseEntries`]; which entries is drawn as well.
    pub refuse_entries: u16,
}

impl Chances {
    const fn of(self, fault: Fault) -> u16 {
        match fault {
            Fault::Refuse => self.refuse,
            Fault::LoseAnswer => self.lose_answer,
            Fault::TransactionConflict => self.transaction_conflict,
            Fault::CrashBefore => self.crash_before,
            Fault::CrashAfter => self.crash_after,
            Fault::DuplicateDelivery => self.duplicate_delivery,
            Fault::ReorderDelivery => self.reorder_delivery,
            Fault::RefuseEntries(_) => self.refuse_entries,
        }
    }
}

/// A fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// To which call.
    pub call: Call,
    /// What happened to it.
    pub fault: Fault,
}

type Predicate = Box<dyn Fn(&Call) -> bool + Send + Sync>;

enum When {
    Number(u64),
    Matching { left: u32, predicate: Predicate },
}

struct Rule {
    when: When,
    fault: Fault,
}

#[derive(Default)]
struct State {
    calls: u64,
    recorded: VecDeque<Call>,
    fired: VecDeque<Fired>,
    rules: Vec<Rule>,
    chaos: Option<(SplitMix, Chances)>,
}

/// The plan. Empty when the embedded AWS is opened; shared by all clients of it.
#[derive(Default)]
pub struct FaultPlan(Mutex<State>);

impl fmt::Debug for FaultPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        formatter.debug_struct("FaultPlan").field("calls", &state.calls).field("rules", &state.rules.len()).finish()
    }
}

impl FaultPlan {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails the `nth` call from now: 1 is the next one. A fault that does not fit that call is spent without effect,
    /// which [`FaultPlan::fired`] shows.
    pub fn fail_nth(&self, nth: NonZeroU64, fault: Fault) {
        let mut state = self.state();
        let number = state.calls.saturating_add(nth.get());
        state.rules.push(Rule { when: When::Number(number), fault });
    }

    /// Fails the call with that number (see [`Call::number`]).
    pub fn fail_call(&self, number: u64, fault: Fault) {
        self.state().rules.push(Rule { when: When::Number(number), fault });
    }

    /// Fails the next call of that operation.
    pub fn fail_next(&self, service: Service, operation: &'static str, fault: Fault) {
        self.fail_when(1, fault, move |call| call.service == service && call.operation == operation);
    }

    /// Fails the next `times` calls that the predicate picks and the fault fits.
    pub fn fail_when(&self, times: u32, fault: Fault, predicate: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        if times > 0 {
            let when = When::Matching { left: times, predicate: Box::new(predicate) };
            self.state().rules.push(Rule { when, fault });
        }
    }

    /// Fails calls at random from now on. The same seed and the same order of calls give the same faults.
    pub fn shake(&self, seed: u64, chances: Chances) {
        self.state().chaos = Some((SplitMix(seed), chances));
    }

    /// Forgets all that is planned. What was counted, recorded and fired stays.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.chaos = None;
    }

    /// How many calls were made so far, failed ones included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The calls after the one with this number, oldest first, as far back as they are remembered (20,000).
    #[must_use]
    pub fn recorded_since(&self, number: u64) -> Vec<Call> {
        self.state().recorded.iter().filter(|call| call.number > number).copied().collect()
    }

    /// The faults that happened, oldest first, as far back as they are remembered (20,000).
    #[must_use]
    pub fn fired(&self) -> Vec<Fired> {
        self.state().fired.iter().copied().collect()
    }

    /// The fault of the call that was made last, if it had one.
    #[must_use]
    pub fn fired_last(&self) -> Option<Fault> {
        let state = self.state();
        state.fired.back().filter(|fired| fired.call.number == state.calls).map(|fired| fired.fault)
    }

    /// Counts a call and says what happens to it.
    pub(super) fn on_call(&self, service: Service, operation: &'static str) -> Option<Fault> {
        let mut state = self.state();
        state.calls += 1;
        let call = Call { number: state.calls, service, operation };
        remember(&mut state.recorded, call);
        let fault = state.pick(&call)?;
        remember(&mut state.fired, Fired { call, fault });
        Some(fault)
    }
}

impl State {
    fn pick(&mut self, call: &Call) -> Option<Fault> {
        self.pick_planned(call).or_else(|| self.pick_random(call))
    }

    fn pick_planned(&mut self, call: &Call) -> Option<Fault> {
        let position = self.rules.iter().position(|rule| match &rule.when {
            When::Number(number) => *number == call.number,
            When::Matching { predicate, .. } => rule.fault.fits(call.service, call.operation) && predicate(call),
        })?;
        let rule = &mut self.rules[position];
        let fault = rule.fault;
        let spent = match &mut rule.when {
            When::Number(_) => true,
            When::Matching { left, .. } => {
                *left -= 1;
                *left == 0
            }
        };
        if spent {
            self.rules.remove(position);
        }
        fault.fits(call.service, call.operation).then_some(fault)
    }

    fn pick_random(&mut self, call: &Call) -> Option<Fault> {
        let (generator, chances) = self.chaos.as_mut()?;
        // One draw a call, whatever it is, so that the sequence depends on the number of calls alone.
        let (mut drawn, rest) = split(generator.draw());
        for fault in Fault::ALL {
            if !fault.fits(call.service, call.operation) {
                continue;
            }
            let chance = u64::from(chances.of(fault));
            if drawn < chance {
                return Some(fault.drawn(rest));
            }
            drawn -= chance;
        }
        None
    }
}

/// What a draw says about whether something goes wrong, and about how.
const fn split(drawn: u64) -> (u64, u64) {
    (drawn % CHANCE_WHOLE, drawn / CHANCE_WHOLE)
}

fn remember<T>(ring: &mut VecDeque<T>, entry: T) {
    if ring.len() == REMEMBERED_MAX {
        ring.pop_front();
    }
    ring.push_back(entry);
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, well spread, and the same on every machine.
#[derive(Clone, Debug)]
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: (Service, &str) = (Service::DynamoDb, "GetItem");
    const TRANSACT: (Service, &str) = (Service::DynamoDb, "TransactWriteItems");
    const RECEIVE: (Service, &str) = (Service::Sqs, "ReceiveMessage");

    fn run(plan: &FaultPlan, calls: &[(Service, &'static str)]) -> Vec<Option<Fault>> {
        calls.iter().map(|(service, operation)| plan.on_call(*service, operation)).collect()
    }

    #[test]
    fn the_nth_call_from_now_fails_and_no_other() {
        let plan = FaultPlan::default();
        assert_eq!(run(&plan, &[GET, GET]), [None, None]);
        plan.fail_nth(NonZeroU64::new(2).unwrap(), Fault::LoseAnswer);
        assert_eq!(run(&plan, &[GET, TRANSACT, GET]), [None, Some(Fault::LoseAnswer), None]);
        assert_eq!(plan.calls(), 5);
        assert_eq!(plan.fired_last(), None);
        let call = Call { number: 4, service: Service::DynamoDb, operation: "TransactWriteItems" };
        assert_eq!(plan.fired(), [Fired { call, fault: Fault::LoseAnswer }]);
        assert_eq!(plan.recorded_since(3).len(), 2);
    }

    #[test]
    fn a_predicate_waits_for_a_call_that_the_fault_fits() {
        let plan = FaultPlan::default();
        plan.fail_when(2, Fault::TransactionConflict, |_| true);
        let expected = [None, Some(Fault::TransactionConflict), None, Some(Fault::TransactionConflict), None];
        assert_eq!(run(&plan, &[GET, TRANSACT, RECEIVE, TRANSACT, TRANSACT]), expected);
    }

    #[test]
    fn a_numbered_fault_that_does_not_fit_is_spent_without_effect() {
        let plan = FaultPlan::default();
        plan.fail_call(1, Fault::DuplicateDelivery);
        assert_eq!(run(&plan, &[GET, RECEIVE]), [None, None]);
        assert!(plan.fired().is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_about_as_many_as_asked() {
        let chances = Chances { refuse: 1_000, lose_answer: 500, ..Chances::default() };
        let draw = |seed| {
            let plan = FaultPlan::default();
            plan.shake(seed, chances);
            run(&plan, &[GET; 10_000])
        };
        let first = draw(7);
        assert_eq!(first, draw(7));
        assert_ne!(first, draw(8));
        let refused = first.iter().filter(|fault| **fault == Some(Fault::Refuse)).count();
        assert!((900..1_100).contains(&refused), "{refused} of about 1000");
    }

    #[test]
    fn which_entries_a_topic_refuses_is_drawn_too() {
        const BATCH: (Service, &str) = (Service::Sns, "PublishBatch");
        let plan = FaultPlan::default();
        plan.shake(7, Chances { refuse_entries: 10_000, ..Chances::default() });
        let fired = run(&plan, &[GET, BATCH, (Service::Sns, "Publish"), BATCH, BATCH]);
        let [None, Some(Fault::RefuseEntries(first)), None, Some(Fault::RefuseEntries(second)), Some(_)] = fired[..]
        else {
            panic!("only batches have entries: {fired:?}");
        };
        assert_ne!(first, second);
    }

    #[test]
    fn a_cleared_plan_fails_nothing() {
        let plan = FaultPlan::default();
        plan.fail_next(Service::DynamoDb, "GetItem", Fault::Refuse);
        plan.shake(1, Chances { refuse: 10_000, ..Chances::default() });
        plan.clear();
        assert_eq!(run(&plan, &[GET]), [None]);
    }
}
