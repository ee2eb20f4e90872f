//! Distinguishes a handler that is down from an event that fails. While a handler is down, its subscription waits instead of using up the
//! attempts of its deliveries.

use std::time::Duration;

use super::retry_schedule::{FIRST_WAIT, LONGEST_RETRY_AFTER, lengthened};

/// The number of consecutive attempts for which the handler is down after which no more are made.
const THRESHOLD: u32 = 5;
/// The wait before the first probe. It doubles with each one.
const FIRST_OPEN: Duration = Duration::from_secs(30);
const LONGEST_OPEN: Duration = Duration::from_mins(5);
/// The time after which a subscription with nothing but failures is paused.
const PATIENCE: Duration = Duration::from_hours(5 * 24);

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breaker {
    /// Consecutive attempts for which the handler was down.
    pub(super) failures: u32,
    /// The duration of the outage.
    pub(super) failing_for: Duration,
    /// No attempts are made, except probes.
    pub(super) is_open: bool,
}

/// The evidence of an attempt about the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The handler has answered, whether it accepted the message or not.
    Up,
    Down {
        retry_after: Option<Duration>,
    },
}

/// The effect of a number of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) failures: u32,
    /// For how long no attempt is made.
    pub(super) open_for: Option<Duration>,
    /// The breaker was open, and the handler is available again.
    pub(super) has_recovered: bool,
    /// The handler has been down for too long.
    pub(super) is_paused: bool,
    /// For each attempt, whether its failure counts against the delivery.
    pub(super) counts: Vec<bool>,
}

impl Breaker {
    /// Applies the signals of attempts, in the order in which the attempts ended.
    ///
    /// A failure counts against its delivery only if the attempt before it succeeded: then the handler may reject just this event. The
    /// failures that follow are those of the handler.
    pub(super) fn apply(self, signals: &[Signal]) -> Effect {
        let (mut failures, mut is_open) = (self.failures, self.is_open);
        let (mut has_recovered, mut requested) = (false, None);
        let mut counts = Vec::with_capacity(signals.len());
        for signal in signals {
            match signal {
                Signal::Up => {
                    has_recovered |= is_open;
                    (failures, is_open, requested) = (0, false, None);
                    counts.push(true);
                }
                Signal::Down { retry_after } => {
                    counts.push(failures == 0);
                    failures = failures.saturating_add(1);
                    is_open |= failures >= THRESHOLD;
                    requested = requested.max(*retry_after);
                }
            }
        }
        let open_for = is_open.then(|| lengthened(open_for(failures), requested));
        // An `Up` among the signals ended the time for which it has been failing.
        let is_paused = is_open && !signals.contains(&Signal::Up) && self.failing_for >= PATIENCE;
        Effect { failures, open_for, has_recovered, is_paused, counts }
    }
}

/// Returns the wait after an attempt that does not count: at once if the breaker is open, because the lane is not leased then.
pub(super) fn uncounted_wait(is_open: bool, retry_after: Option<Duration>) -> Duration {
    if is_open { Duration::ZERO } else { lengthened(FIRST_WAIT, retry_after) }
}

fn open_for(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(THRESHOLD).min(4);
    (FIRST_OPEN * 2_u32.pow(doublings)).min(LONGEST_OPEN).min(LONGEST_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOWN: Signal = Signal::Down { retry_after: None };
    const CLOSED: Breaker = Breaker { failures: 0, failing_for: Duration::ZERO, is_open: false };

    fn open(failures: u32) -> Breaker {
        Breaker { failures, failing_for: Duration::from_hours(1), is_open: true }
    }

    #[test]
    fn five_consecutive_failures_open_it_and_only_the_first_counts() {
        let four = CLOSED.apply(&[DOWN; 4]);
        assert_eq!((four.failures, four.open_for), (4, None));
        let five = CLOSED.apply(&[DOWN; 5]);
        assert_eq!((five.failures, five.open_for), (5, Some(Duration::from_secs(30))));
        assert_eq!(five.counts, [true, false, false, false, false]);
    }

    #[test]
    fn failures_between_successes_count_and_never_open_it() {
        let signals = [DOWN, Signal::Up].repeat(20);
        let effect = CLOSED.apply(&signals);
        assert_eq!((effect.failures, effect.open_for, effect.has_recovered), (0, None, false));
        assert!(effect.counts.iter().all(|counts| *counts));
    }

    #[test]
    fn the_wait_doubles_with_each_probe_up_to_five_minutes() {
        let waits: Vec<u64> =
            (5..11).map(|failures| open(failures).apply(&[DOWN]).open_for.unwrap().as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 300, 300, 300]);
        assert_eq!(open(7).apply(&[DOWN]).counts, [false], "a failed probe does not count against its delivery");
    }

    #[test]
    fn a_success_closes_it() {
        let effect = open(9).apply(&[Signal::Up]);
        assert_eq!((effect.failures, effect.open_for, effect.has_recovered), (0, None, true));
    }

    #[test]
    fn the_handler_can_request_a_longer_wait() {
        let busy = |seconds| Signal::Down { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(open(5).apply(&[busy(600)]).open_for, Some(Duration::from_mins(10)));
        assert_eq!(open(5).apply(&[busy(1)]).open_for, Some(Duration::from_mins(1)));
        assert_eq!(open(5).apply(&[busy(1_000_000)]).open_for, Some(LONGEST_RETRY_AFTER));
    }

    #[test]
    fn after_five_days_of_failures_the_subscription_is_paused() {
        let old = Breaker { failing_for: PATIENCE, ..open(1_000) };
        assert!(old.apply(&[DOWN]).is_paused);
        assert!(!old.apply(&[Signal::Up, DOWN]).is_paused);
        assert!(!Breaker { failing_for: Duration::from_hours(119), ..open(1_000) }.apply(&[DOWN]).is_paused);
    }

    proptest! {
        #[test]
        fn results_do_not_depend_on_how_they_are_batched(signals in proptest::collection::vec(any::<bool>(), 0..40), at in 0_usize..40) {
            let signals: Vec<Signal> = signals.into_iter().map(|up| if up { Signal::Up } else { DOWN }).collect();
            let at = at.min(signals.len());
            let whole = CLOSED.apply(&signals);
            let first = CLOSED.apply(&signals[..at]);
            let between = Breaker { failures: first.failures, failing_for: Duration::ZERO, is_open: first.open_for.is_some() };
            let second = between.apply(&signals[at..]);
            prop_assert_eq!(whole.failures, second.failures);
            prop_assert_eq!(whole.open_for, second.open_for);
            prop_assert_eq!(whole.counts, [first.counts, second.counts].concat());
        }

        #[test]
        fn an_outage_costs_at_most_one_attempt(before in proptest::collection::vec(any::<bool>(), 0..10), down in 1_usize..300) {
            let mut signals: Vec<Signal> = before.into_iter().map(|up| if up { Signal::Up } else { DOWN }).collect();
            let start = signals.len();
            signals.extend(std::iter::repeat_n(DOWN, down));
            let effect = CLOSED.apply(&signals);
            prop_assert!(effect.counts[start..].iter().filter(|counts| **counts).count() <= 1);
        }
    }
}
