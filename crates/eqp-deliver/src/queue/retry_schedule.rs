//! When a delivery that failed is attempted again.

use std::time::Duration;

use crate::AttemptOutcome;

/// The waits after the first, second, … attempt that counts. After the last one, the delivery is dead: 3 days after the first attempt.
pub(crate) const WAITS: [Duration; 9] = [
    FIRST_WAIT,
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// The wait after an attempt that does not count, because the handler may be down.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(5);

/// The number of attempts for which a handler may consider a message invalid. With the waits above, they are within an hour.
const INVALID_ATTEMPTS: u32 = 3;

/// The longest wait that a handler can request. One wrong header must not stop deliveries for years.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The consequence of an attempt that failed and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    Retry(Duration),
    Dead,
}

/// Decides what follows an attempt. `attempts` and `invalid` are the numbers before it, and `chance` is random, from 0 to 1.
pub(super) fn after_failure(attempts: u32, invalid: u32, outcome: &AttemptOutcome, chance: f64) -> AfterFailure {
    let is_hopeless = match outcome {
        AttemptOutcome::NeverRetry => true,
        AttemptOutcome::Invalid => invalid + 1 >= INVALID_ATTEMPTS,
        _ => false,
    };
    let wait = usize::try_from(attempts).ok().and_then(|attempts| WAITS.get(attempts));
    match wait {
        Some(wait) if !is_hopeless => AfterFailure::Retry(lengthened(jittered(*wait, chance), retry_after(outcome))),
        _ => AfterFailure::Dead,
    }
}

/// Returns the wait that the handler requested.
pub(super) fn retry_after(outcome: &AttemptOutcome) -> Option<Duration> {
    match outcome {
        AttemptOutcome::HandlerDown { retry_after } | AttemptOutcome::EventFailed { retry_after } => *retry_after,
        _ => None,
    }
}

/// Lengthens a wait to the requested one, which cannot shorten it.
pub(super) fn lengthened(wait: Duration, requested: Option<Duration>) -> Duration {
    wait.max(requested.unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

/// Changes a wait by up to a tenth, so that deliveries that failed together are not repeated together.
pub(super) fn jittered(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILED: AttemptOutcome = AttemptOutcome::EventFailed { retry_after: None };

    #[test]
    fn waits_grow_until_the_delivery_is_dead() {
        let waits: Vec<_> = (0..10).map(|attempts| after_failure(attempts, 0, &FAILED, 0.5)).collect();
        let hours = |hours| AfterFailure::Retry(Duration::from_hours(hours));
        assert_eq!(
            waits,
            [
                AfterFailure::Retry(Duration::from_secs(5)),
                AfterFailure::Retry(Duration::from_mins(5)),
                AfterFailure::Retry(Duration::from_mins(30)),
                hours(2),
                hours(5),
                hours(10),
                hours(14),
                hours(20),
                hours(24),
                AfterFailure::Dead,
            ]
        );
    }

    #[test]
    fn an_invalid_message_is_sent_three_times_within_an_hour() {
        let mut passed = Duration::ZERO;
        for sent in 0..2 {
            let AfterFailure::Retry(wait) = after_failure(sent, sent, &AttemptOutcome::Invalid, 1.0) else {
                panic!("dead after {sent}")
            };
            passed += wait;
        }
        assert!(passed < Duration::from_hours(1));
        assert_eq!(after_failure(2, 2, &AttemptOutcome::Invalid, 0.5), AfterFailure::Dead);
        // Failures of another kind before do not count as invalid.
        assert_ne!(after_failure(5, 0, &AttemptOutcome::Invalid, 0.5), AfterFailure::Dead);
    }

    #[test]
    fn a_program_can_exclude_another_attempt() {
        assert_eq!(after_failure(0, 0, &AttemptOutcome::NeverRetry, 0.5), AfterFailure::Dead);
        assert_ne!(after_failure(0, 0, &AttemptOutcome::RetryLater, 0.5), AfterFailure::Dead);
    }

    proptest! {
        #[test]
        fn retry_after_only_lengthens_and_by_at_most_an_hour(attempts in 0_u32..9, seconds in 0_u64..1_000_000, chance in 0.0..1.0) {
            let plain = after_failure(attempts, 0, &FAILED, chance);
            let requested = AttemptOutcome::EventFailed { retry_after: Some(Duration::from_secs(seconds)) };
            let with = after_failure(attempts, 0, &requested, chance);
            let (AfterFailure::Retry(plain), AfterFailure::Retry(with)) = (plain, with) else {
                panic!("not dead before the tenth attempt")
            };
            prop_assert!(with >= plain && with <= plain.max(LONGEST_RETRY_AFTER));
            prop_assert!(with >= Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
        }
    }
}
