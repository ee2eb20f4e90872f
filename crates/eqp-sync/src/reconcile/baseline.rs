//! Decides which differences belong to the baseline: those from before the account was watched. They are not reported as changes.

use eqp_types::Timestamp;
use time::OffsetDateTime;

/// The time since which an account is watched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Baseline {
    /// No run of the account has finished yet.
    pub(super) is_first_run: bool,
    /// When the first endpoint of the account was created, if there is one.
    pub(super) registered_at: Option<OffsetDateTime>,
}

impl Baseline {
    /// Returns whether a resource with these times belongs to the baseline.
    ///
    /// A submission that was created after the registration never does: a callback should have arrived for each of its changes.
    pub(super) fn covers(self, modified_at: Option<Timestamp>, created_at: Option<Timestamp>) -> bool {
        let Some(registered_at) = self.registered_at else { return self.is_first_run };
        // The Marketplace reports whole seconds.
        let registered_at = registered_at.truncate_to_second();
        let is_before = |time: Option<Timestamp>| time.map(|time| time.to_utc() < registered_at);
        match (is_before(modified_at.or(created_at)), is_before(created_at)) {
            (Some(true), _) => true,
            (_, Some(false)) => false,
            _ => self.is_first_run,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const REGISTERED: OffsetDateTime = datetime!(2026-11-30 12:00 UTC);

    #[expect(clippy::unnecessary_wraps, reason = "a time may be missing")]
    fn at(hours: i64) -> Option<Timestamp> {
        Some(Timestamp::of(REGISTERED + Duration::hours(hours)))
    }

    #[test]
    fn the_baseline_ends_with_the_registration() {
        // (modified, created, in the first run, in a later one)
        for (modified, created, first, later) in [
            (at(-1), at(-5), true, true),
            (None, at(-5), true, true),
            (at(1), at(-5), true, false),
            (at(1), at(1), false, false),
            (None, at(1), false, false),
            (at(1), None, true, false),
            (None, None, true, false),
        ] {
            let covers =
                |is_first_run| Baseline { is_first_run, registered_at: Some(REGISTERED) }.covers(modified, created);
            assert_eq!((covers(true), covers(false)), (first, later), "{modified:?} {created:?}");
        }
    }

    #[test]
    fn what_happens_in_the_second_of_the_registration_does_not_belong_to_it() {
        let registered_at = Some(REGISTERED + Duration::milliseconds(900));
        assert!(!Baseline { is_first_run: true, registered_at }.covers(at(0), at(0)));
    }

    #[test]
    fn without_an_endpoint_only_the_first_run_is_the_baseline() {
        assert!(Baseline { is_first_run: true, registered_at: None }.covers(at(1), at(1)));
        assert!(!Baseline::default().covers(at(-1), at(-1)));
    }
}
