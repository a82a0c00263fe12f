//! The profile of a schedule: how large it is, and how bad its luck. Each seed draws its own, so that some schedules know
//! one kind of fault only, and some know all of them at once.

use super::chance::Chance;
use meterline::aws::{Chances, Tampering};

/// How large schedules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 1 to 3 tenants and 4 to 12 events or, one time in six, 2 to 4 and 20 to 80: faults meet in few events as in many, and
    /// few of them are many schedules.
    Small,
    /// 4 to 8 tenants, 400 to 1,000 events.
    Large,
}

/// What is broken on purpose in the surroundings of the platform, to show that the auditor notices.
#[derive(Clone, Debug, Default)]
pub struct Sabotage {
    /// Promises that DynamoDB breaks to the usage function. The tables are named as the settings name them.
    pub usage: Option<fn(&cloud::Settings) -> Vec<Tampering>>,
    /// The queue forgets its messages before the function has run.
    pub acknowledges_first: bool,
}

/// What a schedule is like.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Tenants.
    pub(super) tenants: usize,
    /// Events that clients make, conflicting contents not counted.
    pub(super) identities: usize,
    /// Requests that clients send.
    pub(super) requests: usize,
    /// Events of one request, at most.
    pub(super) batch_max: u64,
    /// Processes of the API.
    pub(super) apis: usize,
    /// Workers of the usage function.
    pub(super) usage_workers: usize,
    /// Workers of the billing function.
    pub(super) billing_workers: usize,
    /// Whether a month ends, and is billed, printed and announced.
    pub(super) closes: bool,
    /// Whether the month ends while messages are still under way.
    pub(super) closes_in_the_rush: bool,
    /// Segments of the log above so many bytes go to S3.
    pub(super) segment_inline_bytes_max: usize,
    /// How often a call goes wrong.
    pub(super) chances: Chances,
    /// How often a process dies, once in so many steps; 0 for never.
    pub(super) crash_one_in: u64,
    /// How often the clock jumps over the visibility timeout, once in so many steps; 0 for never.
    pub(super) jump_one_in: u64,
    /// How often a worker starts cold, once in so many times; 0 for never.
    pub(super) cold_one_in: u64,
    /// How often an endpoint refuses a webhook, once in so many times; 0 for never.
    pub(super) hook_refused_one_in: u64,
}

/// The purpose for which a profile is drawn.
const PURPOSE: u64 = 1;

impl Profile {
    /// The profile of a seed.
    #[must_use]
    pub(super) fn of(seed: u64, size: Size) -> Self {
        let chance = &mut Chance::new(seed, PURPOSE);
        let (tenants, identities) = match size {
            Size::Small if chance.one_in(LONGER_ONE_IN) => (chance.between(2, 4), chance.between(20, 80)),
            Size::Small => (chance.between(1, 3), chance.between(4, 12)),
            Size::Large => (chance.between(4, 8), chance.between(400, 1_000)),
        };
        let batch_max = chance.pick(&[3, 6, 12, 25]);
        // Enough to send everything about twice, in requests of half the largest size.
        let requests = 5 * identities / batch_max + 3;
        let closes = chance.one_in(CLOSES_ONE_IN);
        let mut profile = Self {
            tenants: index(tenants),
            identities: index(identities),
            requests: index(requests),
            batch_max,
            apis: index(chance.between(1, 2)),
            usage_workers: index(chance.between(2, 4)),
            billing_workers: index(chance.between(1, 2)),
            closes,
            closes_in_the_rush: closes && chance.one_in(2),
            segment_inline_bytes_max: chance.pick(&[0, 600, 8 * 1024]),
            chances: chances(chance),
            crash_one_in: sometimes(chance, &[40, 120, 400]),
            jump_one_in: sometimes(chance, &[40, 100, 300]),
            cold_one_in: sometimes(chance, &[2, 8]),
            hook_refused_one_in: sometimes(chance, &[2, 6]),
        };
        // Drawn last, so that the other choices of a seed are what they were before this fault was known.
        profile.chances.refuse_entries = parts(chance, &[1_000, 3_000]);
        profile
    }
}

/// How often a schedule of the small size has many events.
const LONGER_ONE_IN: u64 = 6;
/// Printing and announcing invoices takes most of a schedule's time, and counting is what is in doubt most.
const CLOSES_ONE_IN: u64 = 15;

/// One of `choices` two times out of three, or else 0.
fn sometimes(chance: &mut Chance, choices: &[u64]) -> u64 {
    if chance.one_in(3) { 0 } else { chance.pick(choices) }
}

fn chances(chance: &mut Chance) -> Chances {
    let mut of = |choices: &[u64]| parts(chance, choices);
    Chances {
        refuse: of(&[100, 300, 800]),
        lose_answer: of(&[100, 300, 800]),
        transaction_conflict: of(&[300, 1_000, 2_500]),
        crash_before: of(&[50, 200]),
        crash_after: of(&[50, 200]),
        duplicate_delivery: of(&[500, 2_000, 5_000]),
        reorder_delivery: of(&[1_000, 5_000]),
        refuse_entries: 0,
    }
}

/// A chance in parts of ten thousand: one of `choices`, or none.
fn parts(chance: &mut Chance, choices: &[u64]) -> u16 {
    u16::try_from(sometimes(chance, choices)).unwrap_or(0)
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
