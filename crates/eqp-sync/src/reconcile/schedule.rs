//! Decides when an account is reconciled. No I/O.

use std::time::Duration;

use time::OffsetDateTime;

/// The share of an interval that is added at random, so that several accounts and processes do not query the Marketplace at once.
const JITTER: f64 = 0.1;
/// The wait after the first failed run, which doubles with each further one, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// The shortest time between two runs that were requested.
const REQUEST_PAUSE: Duration = Duration::from_mins(1);

/// The intervals at which accounts are reconciled.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReconcileIntervals {
    /// The time between incremental runs. Default: 10 minutes.
    pub incremental: Duration,
    /// The time between full runs. Default: one day.
    pub full: Duration,
}

impl Default for ReconcileIntervals {
    fn default() -> Self {
        Self { incremental: Duration::from_mins(10), full: Duration::from_hours(24) }
    }
}

impl ReconcileIntervals {
    /// Sets the time between incremental runs.
    #[must_use]
    pub fn incremental(mut self, interval: Duration) -> Self {
        self.incremental = interval;
        self
    }

    /// Sets the time between full runs.
    #[must_use]
    pub fn full(mut self, interval: Duration) -> Self {
        self.full = interval;
        self
    }
}

/// The times of an account's last runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RunTimes {
    /// When the last successful incremental or full run ended, in any process.
    pub(super) last: Option<OffsetDateTime>,
    /// When the last successful full run ended, in any process.
    pub(super) last_full: Option<OffsetDateTime>,
    /// When this process began its last run, regardless of its result.
    pub(super) attempted: Option<OffsetDateTime>,
    /// The number of consecutive failed runs of this process.
    pub(super) failures: u32,
    /// The Marketplace requests no calls before this time.
    pub(super) not_before: Option<OffsetDateTime>,
    /// A run was requested, because a difference is expected.
    pub(super) requested: bool,
}

/// The run that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Incremental,
    Full,
}

impl RunTimes {
    /// Returns the run that is due now. `chance` is a random number from 0 to 1, which stays the same until the next run.
    pub(super) fn due(&self, now: OffsetDateTime, intervals: &ReconcileIntervals, chance: f64) -> Option<Due> {
        if self.not_before.is_some_and(|time| now < time) {
            return None;
        }
        let since = |time: Option<OffsetDateTime>| {
            // A clock that was set back must not stop the runs.
            time.map_or(Duration::MAX, |time| (now - time).try_into().unwrap_or(Duration::MAX))
        };
        if self.failures > 0 {
            let wait = FIRST_RETRY.saturating_mul(1 << (self.failures - 1).min(16)).min(intervals.incremental);
            if since(self.attempted) < wait.mul_f64(1.0 + JITTER * chance) {
                return None;
            }
        }
        let late = |interval: Duration| interval.mul_f64(1.0 + JITTER * chance);
        if since(self.last_full) >= late(intervals.full) {
            return Some(Due::Full);
        }
        let is_requested = self.requested && since(self.attempted) >= REQUEST_PAUSE;
        (is_requested || since(self.last) >= late(intervals.incremental)).then_some(Due::Incremental)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-30 12:00 UTC);

    #[expect(clippy::unnecessary_wraps, reason = "a time may be missing")]
    fn ago(minutes: i64) -> Option<OffsetDateTime> {
        Some(NOW - time::Duration::minutes(minutes))
    }

    fn due(times: RunTimes) -> Option<Due> {
        times.due(NOW, &ReconcileIntervals::default(), 0.5)
    }

    fn ran(last: i64) -> RunTimes {
        RunTimes { last: ago(last), last_full: ago(60), attempted: ago(last), ..RunTimes::default() }
    }

    #[test]
    fn an_account_is_reconciled_at_once_and_then_periodically() {
        assert_eq!(due(RunTimes::default()), Some(Due::Full), "the first run reads everything");
        assert_eq!(due(ran(10)), None, "the interval has jitter");
        assert_eq!(due(ran(11)), Some(Due::Incremental));
        assert_eq!(due(RunTimes { last_full: ago(27 * 60), ..ran(1) }), Some(Due::Full));
        assert_eq!(due(RunTimes { last_full: ago(24 * 60), ..ran(1) }), None);
    }

    #[test]
    fn a_requested_run_does_not_wait_for_the_interval_but_for_a_minute() {
        let requested = |last| RunTimes { requested: true, ..ran(last) };
        assert_eq!(due(requested(0)), None);
        assert_eq!(due(requested(1)), Some(Due::Incremental));
    }

    #[test]
    fn failed_runs_are_repeated_with_growing_waits_up_to_the_interval() {
        let failed = |failures, attempted: i64| {
            let attempted = Some(NOW - time::Duration::seconds(attempted));
            due(RunTimes { failures, attempted, requested: true, ..ran(60) })
        };
        assert_eq!(failed(1, 31), None);
        assert_eq!(failed(1, 60), Some(Due::Incremental));
        assert_eq!(failed(4, 60), None);
        assert_eq!(failed(u32::MAX, 11 * 60), Some(Due::Incremental));
    }

    #[test]
    fn the_marketplace_decides_how_soon_it_is_asked_again() {
        let not_before = Some(NOW + time::Duration::HOUR);
        assert_eq!(due(RunTimes { not_before, ..RunTimes::default() }), None);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_the_runs() {
        assert_eq!(due(ran(-600)), Some(Due::Incremental));
    }
}
