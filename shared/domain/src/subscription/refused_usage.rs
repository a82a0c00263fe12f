//! When a tenant's usage is refused: as long as something holds for it, and all of that is paused with usage refused.
//!
//! Usage does not say which subscription it is for, so one that is billed, or paused with free usage, lets all of the
//! tenant's usage in. What has not begun and what has ended does not count; nor does a tenant without any subscription.
//! Invariant: the spans are in order and do not touch, so that one that is open is the last.

use super::{PausedUsage, Phase, Subscription};
use crate::calendar::{self, CalendarError};
use jiff::Timestamp;

/// Spans that are kept, the newest ones: usage of an older pause is taken, and costs nothing all the same.
pub const REFUSED_SPANS_MAX: usize = 50;

/// The spans in which a tenant's usage is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedUsage(Vec<RefusedSpan>);

/// A span in which usage is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedSpan {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it; `None` as long as nobody has said when it ends.
    pub until: Option<Timestamp>,
}

impl RefusedSpan {
    fn contains(self, instant: Timestamp) -> bool {
        self.from <= instant && self.until.is_none_or(|until| instant < until)
    }
}

/// What of a tenant's subscriptions holds at an instant.
#[derive(Clone, Copy, Debug, Default)]
struct InForce {
    subscriptions: usize,
    refusing: usize,
}

impl InForce {
    fn refuses(self) -> bool {
        self.refusing > 0 && self.refusing == self.subscriptions
    }
}

/// One subscription enters a phase, or leaves it.
#[derive(Clone, Copy)]
struct Step {
    at: Timestamp,
    enters: bool,
    refusing: bool,
}

impl RefusedUsage {
    /// What follows from all of a tenant's `subscriptions`; what ended at `since` or before is left out.
    pub fn of(subscriptions: &[Subscription], since: Timestamp) -> Result<Self, CalendarError> {
        let mut steps = Vec::new();
        for subscription in subscriptions {
            steps.extend(steps_of(subscription)?);
        }
        steps.sort_by_key(|step| step.at);
        let (mut now, mut from, mut spans) = (InForce::default(), None, Vec::new());
        // Whatever happens at one instant happens at once.
        for at_once in steps.chunk_by(|one, other| one.at == other.at) {
            for step in at_once {
                now = now.after(*step);
            }
            let at = at_once[0].at;
            match (now.refuses(), from) {
                (true, None) => from = Some(at),
                (false, Some(began)) => {
                    spans.push(RefusedSpan { from: began, until: Some(at) });
                    from = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        spans.extend(from.map(|from| RefusedSpan { from, until: None }));
        spans.retain(|span| span.until.is_none_or(|until| until > since));
        Ok(Self::new(spans))
    }

    /// These spans, which are in order; the newest ones, if there are more than [`REFUSED_SPANS_MAX`].
    #[must_use]
    pub fn new(mut spans: Vec<RefusedSpan>) -> Self {
        spans.drain(..spans.len().saturating_sub(REFUSED_SPANS_MAX));
        Self(spans)
    }

    /// Whether usage of this instant is refused.
    #[must_use]
    pub fn refuses(&self, instant: Timestamp) -> bool {
        self.0.iter().any(|span| span.contains(instant))
    }

    /// The spans, in order.
    #[must_use]
    pub fn spans(&self) -> &[RefusedSpan] {
        &self.0
    }
}

impl InForce {
    /// A step out of a phase follows one into it, so that nothing is taken from zero.
    fn after(self, Step { enters, refusing, .. }: Step) -> Self {
        let count = |before: usize, by: bool| match (by, enters) {
            (false, _) => before,
            (true, true) => before.saturating_add(1),
            (true, false) => before.saturating_sub(1),
        };
        Self { subscriptions: count(self.subscriptions, true), refusing: count(self.refusing, refusing) }
    }
}

/// Its phases, each as a step into it and one out of it; what holds from a day on does so from its first instant.
fn steps_of(subscription: &Subscription) -> Result<Vec<Step>, CalendarError> {
    let mut steps = Vec::new();
    let mut inside: Option<bool> = None;
    for term in subscription.timeline() {
        let at = calendar::first_instant(term.from, &subscription.time_zone)?;
        steps.extend(inside.map(|refusing| Step { at, enters: false, refusing }));
        inside = refuses(term.phase);
        steps.extend(inside.map(|refusing| Step { at, enters: true, refusing }));
    }
    Ok(steps)
}

/// Whether a phase refuses usage; `None` if the subscription is not in force.
fn refuses(phase: Phase) -> Option<bool> {
    match phase {
        Phase::Trial | Phase::Active | Phase::Paused { usage: PausedUsage::Free } => Some(false),
        Phase::Paused { usage: PausedUsage::Refused } => Some(true),
        Phase::Ended => None,
    }
}

impl Subscription {
    /// Whether it is, was or will be paused with usage refused.
    #[must_use]
    pub fn ever_refuses_usage(&self) -> bool {
        self.terms.iter().any(|term| refuses(term.phase) == Some(true))
    }
}
