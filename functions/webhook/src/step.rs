//! What a message does about its delivery, and how a delivery stands after an attempt: the pure part.

use crate::call::Outcome;
use cloud::store::{Attempt, Delivery, DeliveryStatus};
use domain::{
    Timestamp,
    webhook::{NextStep, next_step},
};

/// Whether a later message than `hop` drives the delivery.
///
/// It was remembered only after it was queued, so that dropping this one loses nothing.
pub(crate) fn is_stale(delivery: &Delivery, hop: u32) -> bool {
    hop < delivery.hop
}

/// Whether the message that asks for `attempt` makes it now: it was not made, and it is time.
///
/// A delivery that was given up is attempted once more if its dead letter is moved back, which asks for the next one.
pub(crate) fn is_due(delivery: &Delivery, attempt: u32, now: Timestamp) -> bool {
    match delivery.status {
        DeliveryStatus::Delivered => false,
        DeliveryStatus::Pending | DeliveryStatus::Dead => {
            delivery.attempts < attempt && delivery.next_attempt_at <= now
        }
    }
}

/// The receipt of the next attempt of `delivery`.
pub(crate) fn receipt(delivery: &Delivery, outcome: &Outcome, from: Timestamp, until: Timestamp) -> Attempt {
    let (status, error) = match outcome {
        Outcome::Taken { status } => (Some(*status), None),
        Outcome::Failed { status, error } => (*status, Some(error.clone())),
        Outcome::Gone => (None, Some("the endpoint was deleted".to_owned())),
    };
    // A clock that was set back in between makes no negative duration.
    let duration_ms = u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0);
    Attempt { number: delivery.attempts + 1, attempted_at: from, status, error, duration_ms }
}

/// How `delivery` stands after the attempt that ended at `now` in `outcome`.
pub(crate) fn settled(delivery: Delivery, outcome: &Outcome, now: Timestamp, random: u64) -> Delivery {
    let attempts = delivery.attempts + 1;
    let (status, next_attempt_at) = match outcome {
        Outcome::Taken { .. } => (DeliveryStatus::Delivered, delivery.next_attempt_at),
        Outcome::Gone => (DeliveryStatus::Dead, delivery.next_attempt_at),
        Outcome::Failed { .. } => match next_step(attempts, random) {
            NextStep::DeadLetter => (DeliveryStatus::Dead, delivery.next_attempt_at),
            NextStep::RetryAfter(delay) => {
                (DeliveryStatus::Pending, now.saturating_add(delay).unwrap_or(Timestamp::MAX))
            }
        },
    };
    Delivery { status, attempts, next_attempt_at, claimed_until: None, ..delivery }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::{DeliveryId, EndpointId, EventId};
    use jiff::SignedDuration;
    use rstest::rstest;

    const NOW: Timestamp = Timestamp::constant(1_000_000, 0);

    fn delivery(status: DeliveryStatus, attempts: u32, due_in_seconds: i64) -> Delivery {
        Delivery {
            id: DeliveryId::derived(&["delivery"]),
            endpoint_id: EndpointId::derived(&["endpoint"]),
            event_id: EventId::derived(&["event"]),
            event_type: "invoice.ready.v1".to_owned(),
            body: "{}".to_owned(),
            correlation_id: "corr-1".to_owned(),
            status,
            attempts,
            created_at: Timestamp::UNIX_EPOCH,
            next_attempt_at: NOW + SignedDuration::from_secs(due_in_seconds),
            hop: 3,
            claimed_until: Some(NOW),
        }
    }

    #[rstest]
    #[case::earlier(2, true)]
    #[case::the_remembered_one(3, false)]
    #[case::sent_and_not_remembered(4, false)]
    fn only_an_earlier_message_is_stale(#[case] hop: u32, #[case] stale: bool) {
        assert_eq!(is_stale(&delivery(DeliveryStatus::Pending, 2, 0), hop), stale);
    }

    #[rstest]
    #[case::due(DeliveryStatus::Pending, 2, 0, 3, true)]
    #[case::overdue(DeliveryStatus::Pending, 2, -60, 3, true)]
    #[case::too_early(DeliveryStatus::Pending, 2, 1, 3, false)]
    #[case::made_before(DeliveryStatus::Pending, 3, 0, 3, false)]
    #[case::delivered(DeliveryStatus::Delivered, 2, 0, 3, false)]
    #[case::given_up_by_it(DeliveryStatus::Dead, 9, -60, 9, false)]
    #[case::moved_back(DeliveryStatus::Dead, 9, -60, 10, true)]
    fn an_attempt_is_made_once_and_not_too_early(
        #[case] status: DeliveryStatus,
        #[case] attempts: u32,
        #[case] due_in_seconds: i64,
        #[case] asked: u32,
        #[case] due: bool,
    ) {
        assert_eq!(is_due(&delivery(status, attempts, due_in_seconds), asked, NOW), due);
    }

    fn failed() -> Outcome {
        Outcome::Failed { status: Some(500), error: "answered 500".to_owned() }
    }

    #[rstest]
    #[case::taken(0, Outcome::Taken { status: 204 }, DeliveryStatus::Delivered, 0)]
    #[case::first_failure(0, failed(), DeliveryStatus::Pending, 5)]
    #[case::second_failure(1, failed(), DeliveryStatus::Pending, 300)]
    #[case::eighth_failure(7, failed(), DeliveryStatus::Pending, 72_000)]
    #[case::ninth_failure(8, failed(), DeliveryStatus::Dead, 0)]
    #[case::moved_back_in_vain(9, failed(), DeliveryStatus::Dead, 0)]
    #[case::taken_at_last(8, Outcome::Taken { status: 200 }, DeliveryStatus::Delivered, 0)]
    #[case::endpoint_deleted(3, Outcome::Gone, DeliveryStatus::Dead, 0)]
    fn an_attempt_decides_what_comes_next(
        #[case] attempts_before: u32,
        #[case] outcome: Outcome,
        #[case] status: DeliveryStatus,
        #[case] due_in_seconds: i64,
    ) {
        let before = delivery(DeliveryStatus::Pending, attempts_before, 0);
        let after = settled(before.clone(), &outcome, NOW, 0);
        assert_eq!((after.status, after.attempts, after.claimed_until), (status, attempts_before + 1, None));
        assert_eq!(after.next_attempt_at, NOW + SignedDuration::from_secs(due_in_seconds));
        assert_eq!((after.id, after.body, after.hop), (before.id, before.body, before.hop));
    }

    #[rstest]
    #[case::taken(Outcome::Taken { status: 204 }, Some(204), None)]
    #[case::failed(failed(), Some(500), Some("answered 500"))]
    #[case::gone(Outcome::Gone, None, Some("the endpoint was deleted"))]
    fn a_receipt_tells_what_came_of_the_attempt(
        #[case] outcome: Outcome,
        #[case] status: Option<u16>,
        #[case] error: Option<&str>,
    ) {
        let until = NOW + SignedDuration::from_millis(1_250);
        let receipt = receipt(&delivery(DeliveryStatus::Pending, 2, 0), &outcome, NOW, until);
        assert_eq!((receipt.number, receipt.attempted_at, receipt.duration_ms), (3, NOW, 1_250));
        assert_eq!((receipt.status, receipt.error.as_deref()), (status, error));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_negative_duration() {
        let until = NOW - SignedDuration::from_secs(1);
        let outcome = Outcome::Taken { status: 200 };
        assert_eq!(receipt(&delivery(DeliveryStatus::Pending, 0, 0), &outcome, NOW, until).duration_ms, 0);
    }
}
