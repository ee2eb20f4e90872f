//! The time up to which an incremental run reads, and the newest change that it has read.

use eqp_types::Timestamp;
use time::{Duration, OffsetDateTime};

/// The time by which a run reads beyond the newest change of the previous run: changes may become visible in another order than their times.
const MARGIN: Duration = Duration::minutes(10);

/// The order of a response that should begin with the newest change.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewestFirst {
    /// When the run began, by our clock.
    began_at: OffsetDateTime,
    /// The time of the last package that has one.
    before: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl NewestFirst {
    /// Creates the order of a list that is read by a run which began at this time.
    pub(super) fn new(began_at: OffsetDateTime) -> Self {
        Self { began_at, before: None, newest: None }
    }

    /// Adds the next page, by the times of its packages. Returns whether the packages are still in order. The caller omits those that
    /// occur again: they have moved back behind newer ones.
    pub(super) fn continues(&mut self, times: impl IntoIterator<Item = Option<Timestamp>>) -> bool {
        for time in times.into_iter().flatten() {
            if self.before.is_some_and(|before| time > before) {
                return false;
            }
            self.before = Some(time);
            if is_plausible(time, self.began_at) {
                self.newest = self.newest.max(Some(time));
            }
        }
        true
    }

    /// Returns whether everything that follows is older than `until`.
    pub(super) fn has_passed(&self, until: OffsetDateTime) -> bool {
        self.before.is_some_and(|oldest| oldest.to_utc() < until)
    }

    /// Returns the newest [plausible](is_plausible) change that was read.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }
}

/// Returns whether a run that began at this time can have read a change of this time. A time far in the future is wrong, and the next runs
/// would stop too early if they continued from it. Clocks may differ by as much as runs read back anyway.
pub(super) fn is_plausible(time: Timestamp, began_at: OffsetDateTime) -> bool {
    time.to_utc() <= began_at.saturating_add(MARGIN)
}

/// Returns the time up to which a run reads back, after a run whose newest change was `newest`.
pub(super) fn read_until(newest: OffsetDateTime) -> OffsetDateTime {
    newest.saturating_sub(MARGIN)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-30 12:00 UTC);

    #[expect(clippy::unnecessary_wraps, reason = "a time may be missing")]
    fn at(minute: i64) -> Option<Timestamp> {
        Some(Timestamp::of(NOON + Duration::minutes(minute)))
    }

    #[test]
    fn an_answer_is_read_until_it_is_older_than_the_last_run() {
        let mut order = NewestFirst::new(NOON + Duration::HOUR);
        let until = read_until(NOON);
        assert_eq!(until, datetime!(2026-11-30 11:50 UTC));
        assert!(order.continues([at(30), None, at(0), at(-10)]));
        assert!(!order.has_passed(until), "a change at that very time may be new");
        assert!(order.continues([at(-11)]) && order.has_passed(until));
        assert_eq!(order.newest(), at(30));
    }

    #[test]
    fn an_answer_in_another_order_is_noticed() {
        let mut order = NewestFirst::new(NOON);
        assert!(order.continues([at(3), at(3)]));
        assert!(!order.continues([at(4)]));
    }

    #[test]
    fn answers_without_times_never_end_a_run() {
        let mut order = NewestFirst::new(NOON);
        assert!(order.continues([None, None]));
        assert!(!order.has_passed(OffsetDateTime::now_utc()));
        assert_eq!(order.newest(), None);
    }

    #[test]
    fn a_package_of_the_future_does_not_hide_later_changes() {
        let mut order = NewestFirst::new(NOON);
        assert!(order.continues([at(60 * 24 * 365), at(11), at(9), at(-4)]));
        assert_eq!(order.newest(), at(9), "the clocks may differ by minutes");
    }
}
