//! When a failed webhook call is tried again: growing delays over three days, then the dead-letter queue.

use jiff::SignedDuration;

/// Waits after the first, second, … failed attempt, in seconds: the schedule that Standard Webhooks suggests.
const DELAYS_SECONDS: [i64; 8] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600];
/// Attempts before a delivery is given up: the first one and one after each delay.
pub const ATTEMPTS_MAX: u32 = 9;
/// A delay grows by up to this share, so that a recovered endpoint is not hit by everything at once.
const JITTER_PERCENT_MAX: i64 = 10;

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Try again after this long.
    RetryAfter(SignedDuration),
    /// Give up.
    DeadLetter,
}

/// What happens after `attempts_made` attempts have all failed; `random` spreads the retries.
#[must_use]
pub fn next_step(attempts_made: u32, random: u64) -> NextStep {
    let delay = attempts_made.checked_sub(1).and_then(|index| DELAYS_SECONDS.get(usize::try_from(index).ok()?));
    let Some(delay_seconds) = delay else { return NextStep::DeadLetter };
    let jitter_max_ms = delay_seconds * 1000 * JITTER_PERCENT_MAX / 100;
    // The modulus of a positive i64 fits one.
    let jitter_ms = i64::try_from(random % jitter_max_ms.unsigned_abs()).unwrap_or(0);
    NextStep::RetryAfter(SignedDuration::from_millis(delay_seconds * 1000 + jitter_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::first(1, 0, NextStep::RetryAfter(SignedDuration::from_secs(5)))]
    #[case::second(2, 0, NextStep::RetryAfter(SignedDuration::from_secs(300)))]
    #[case::with_jitter(1, 499, NextStep::RetryAfter(SignedDuration::from_millis(5499)))]
    #[case::jitter_wraps(1, 500, NextStep::RetryAfter(SignedDuration::from_millis(5000)))]
    #[case::last_retry(8, 0, NextStep::RetryAfter(SignedDuration::from_hours(20)))]
    #[case::given_up(9, 0, NextStep::DeadLetter)]
    fn delays_grow_and_end(#[case] attempts: u32, #[case] random: u64, #[case] expect: NextStep) {
        assert_eq!(next_step(attempts, random), expect);
    }

    #[test]
    fn the_schedule_has_one_delay_after_every_attempt_but_the_last() {
        assert_eq!(usize::try_from(ATTEMPTS_MAX).unwrap(), DELAYS_SECONDS.len() + 1);
    }

    proptest! {
        #[test]
        fn a_later_delay_is_longer(attempts in 1..ATTEMPTS_MAX - 1, a: u64, b: u64) {
            let (NextStep::RetryAfter(this), NextStep::RetryAfter(next)) = (next_step(attempts, a), next_step(attempts + 1, b))
            else { panic!("both retry") };
            prop_assert!(this < next);
        }
    }
}
