//! How far an incremental run reads, and how far it has read.

use eqp_types::Timestamp;
use time::{Duration, OffsetDateTime};

/// How far a run reads beyond the newest change of the run before: changes may become visible in another order than their times.
const MARGIN: Duration = Duration::minutes(10);

/// The order of an answer that should begin with the newest change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NewestFirst {
    /// The time of the last package that has one.
    before: Option<Timestamp>,
    /// The newest change, before the run began.
    newest: Option<Timestamp>,
}

impl NewestFirst {
    /// Adds the next page, by the times of its packages. Returns whether the packages are still in order. Those that are read again are
    /// left out by the caller: a package may have moved back behind newer ones.
    pub(super) fn continues(&mut self, times: impl IntoIterator<Item = Option<Timestamp>>) -> bool {
        for time in times.into_iter().flatten() {
            if self.before.is_some_and(|before| time > before) {
                return false;
            }
            self.before = Some(time);
            self.newest = self.newest.max(Some(time));
        }
        true
    }

    /// Returns whether everything that follows is older than `until`.
    pub(super) fn has_passed(&self, until: OffsetDateTime) -> bool {
        self.before.is_some_and(|oldest| oldest.to_utc() < until)
    }

    /// Returns the newest change that was read.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }
}

/// Returns the time up to which a run reads back, after a run whose newest change was `newest`. A time in the future would make later
/// runs stop too early, because one wrong time of a package is enough, so it counts as now.
pub(super) fn read_until(newest: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    newest.min(now).saturating_sub(MARGIN)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn at(minute: i64) -> Option<Timestamp> {
        Some(Timestamp::of(datetime!(2026-11-30 12:00 UTC) + Duration::minutes(minute)))
    }

    #[test]
    fn an_answer_is_read_until_it_is_older_than_the_last_run() {
        let mut order = NewestFirst::default();
        let until = read_until(datetime!(2026-11-30 12:00 UTC), datetime!(2026-11-30 13:00 UTC));
        assert_eq!(until, datetime!(2026-11-30 11:50 UTC));
        assert!(order.continues([at(30), None, at(0), at(-10)]));
        assert!(!order.has_passed(until), "a change at that very time may be new");
        assert!(order.continues([at(-11)]) && order.has_passed(until));
        assert_eq!(order.newest(), at(30));
    }

    #[test]
    fn an_answer_in_another_order_is_noticed() {
        let mut order = NewestFirst::default();
        assert!(order.continues([at(3), at(3)]));
        assert!(!order.continues([at(4)]));
    }

    #[test]
    fn answers_without_times_never_end_a_run() {
        let mut order = NewestFirst::default();
        assert!(order.continues([None, None]));
        assert!(!order.has_passed(OffsetDateTime::now_utc()));
        assert_eq!(order.newest(), None);
    }

    #[test]
    fn a_package_of_the_future_does_not_hide_later_changes() {
        let now = datetime!(2026-11-30 12:00 UTC);
        assert_eq!(read_until(datetime!(2099-01-01 0:00 UTC), now), datetime!(2026-11-30 11:50 UTC));
    }
}
