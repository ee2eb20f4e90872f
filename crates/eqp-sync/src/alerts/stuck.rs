//! Decides which submissions and files are stuck: how long they have been at a stage, and how long that is allowed to take. No I/O.
//!
//! A duration is the time between the reports that we received, not between the times that the Marketplace reports.

use std::collections::HashMap;
use std::time::Duration;

use eqp_store::Origin;
use eqp_store::internal::StatusEntry;
use serde::{Deserialize, Serialize};
use strum::{Display, VariantArray};
use time::OffsetDateTime;

/// The time for which finished stays are considered.
pub(super) const HISTORY: time::Duration = time::Duration::days(400);
/// The number of finished stays from which an account's own durations are used.
const SAMPLES: usize = 5;
/// The multiple of the median that is allowed, and the least that is allowed.
const MEDIANS: u32 = 3;
const LEAST: Duration = Duration::from_hours(24);

/// The stage at which a submission or file waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Display, VariantArray)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Stage {
    /// The malware scan of a file.
    #[strum(to_string = "malware scan")]
    Scan,
    /// The automated tests of the technical review.
    #[strum(to_string = "automated tests")]
    Automation,
    /// The manual part of the technical review, including the wait for a reviewer.
    #[strum(to_string = "manual QA")]
    ManualQa,
    /// The marketing review, including the wait for a reviewer.
    #[strum(to_string = "marketing review")]
    Marketing,
}

impl Stage {
    /// Returns the stage of a status, or `None` if it is not one in which a submission or file waits for the Marketplace.
    pub fn of(status: &str) -> Option<Self> {
        Some(match status {
            "queued" | "in-progress" => Self::Scan,
            "in_automation" => Self::Automation,
            "awaiting_manual_qa" | "in_manual_qa" => Self::ManualQa,
            "awaiting_marketing_review" | "in_marketing_review" => Self::Marketing,
            _ => return None,
        })
    }
}

/// The limits that apply as long as an account has no durations of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuckLimits {
    /// The limit of a malware scan: 4 hours.
    pub scan: Duration,
    /// The limit of the automated tests: 2 days.
    pub automation: Duration,
    /// The limit of manual QA: 15 days.
    pub manual_qa: Duration,
    /// The limit of the marketing review: 15 days.
    pub marketing: Duration,
}

impl Default for StuckLimits {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(24 * days);
        Self { scan: Duration::from_hours(4), automation: days(2), manual_qa: days(15), marketing: days(15) }
    }
}

impl StuckLimits {
    /// Returns the limit of a stage.
    pub fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Scan => self.scan,
            Stage::Automation => self.automation,
            Stage::ManualQa => self.manual_qa,
            Stage::Marketing => self.marketing,
        }
    }
}

/// The durations of a stage for an account: its finished stays of the last 400 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Typical {
    /// The number of finished stays.
    pub samples: u64,
    /// A quarter of them took at most this long.
    pub p25_seconds: u64,
    /// Half of them took at most this long.
    pub median_seconds: u64,
    /// Three quarters of them took at most this long.
    pub p75_seconds: u64,
}

impl Typical {
    /// Returns `None` if there are too few durations.
    fn of(durations: Vec<Duration>) -> Option<Self> {
        (durations.len() >= SAMPLES).then(|| Self::summary(durations))
    }

    /// Summarizes durations, of which there is at least one.
    pub(super) fn summary(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        // The smallest duration that at least this share of all reach.
        let percentile = |percent: usize| durations[(durations.len() * percent).div_ceil(100) - 1].as_secs();
        let (p25_seconds, median_seconds, p75_seconds) = (percentile(25), percentile(50), percentile(75));
        Self { samples: durations.len() as u64, p25_seconds, median_seconds, p75_seconds }
    }
}

/// Returns the limit of a stage: the fixed one, or a shorter one if this account's earlier stays justify it.
pub(super) fn limit(fixed: Duration, typical: Option<Typical>) -> Duration {
    let own = typical.map(|typical| Duration::from_secs(typical.median_seconds).saturating_mul(MEDIANS).max(LEAST));
    own.map_or(fixed, |own| fixed.min(own))
}

/// An uninterrupted time of a track at one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) track: i64,
    pub(super) stage: Stage,
    package_type: Option<String>,
    pub(super) since: OffsetDateTime,
    /// When the next stage was reported. `None` if it has not ended.
    pub(super) until: Option<OffsetDateTime>,
    /// Whether the whole stay is known and ended with a result of the Marketplace, so that its duration says something.
    pub(super) is_sample: bool,
}

/// Returns the stays of tracks, from their statuses in the order in which they were reported.
pub(super) fn stays(entries: &[StatusEntry]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    let mut current: HashMap<i64, usize> = HashMap::new();
    for entry in entries {
        let stage = Stage::of(&entry.status);
        if let Some(index) = current.get(&entry.track).copied() {
            let stay = &mut stays[index];
            if stage == Some(stay.stage) {
                continue;
            }
            stay.until = Some(entry.received_at);
            // A recall says nothing about how long the Marketplace takes.
            stay.is_sample &= !matches!(entry.status.as_str(), "recalled" | "draft");
            current.remove(&entry.track);
        }
        if let Some(stage) = stage {
            current.insert(entry.track, stays.len());
            stays.push(Stay {
                track: entry.track,
                stage,
                package_type: entry.package_type.clone(),
                since: entry.received_at,
                until: None,
                // The baseline shows that a stay is under way, and not since when.
                is_sample: entry.origin != Origin::Baseline,
            });
        }
    }
    stays
}

/// The durations of each stage for one account, for each type of package.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations(HashMap<(Stage, Option<String>), Typical>);

impl Durations {
    /// Summarizes the finished stays in the history of an account.
    pub(super) fn of(history: &[StatusEntry]) -> Self {
        let mut durations: HashMap<_, Vec<Duration>> = HashMap::new();
        for stay in stays(history).into_iter().filter(|stay| stay.is_sample) {
            let Some(until) = stay.until else { continue };
            // A clock that was set back in between makes a stay unusable.
            let Ok(duration) = Duration::try_from(until - stay.since) else { continue };
            durations.entry((stay.stage, stay.package_type)).or_default().push(duration);
        }
        let typical = durations.into_iter().filter_map(|(key, durations)| Some((key, Typical::of(durations)?)));
        Self(typical.collect())
    }

    /// Returns the durations of every stage for a type of package.
    pub(super) fn of_type(&self, package_type: Option<&str>) -> HashMap<Stage, Typical> {
        let is_of_type = |known: &Option<String>| known.as_deref() == package_type;
        let of_type = self.0.iter().filter(|((_, known), _)| is_of_type(known));
        of_type.map(|((stage, _), typical)| (*stage, *typical)).collect()
    }

    pub(super) fn typical(&self, stage: Stage, package_type: Option<&str>) -> Option<Typical> {
        self.0.get(&(stage, package_type.map(str::to_owned))).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn entry(track: i64, day: i64, status: &str) -> StatusEntry {
        let received_at = OffsetDateTime::UNIX_EPOCH + time::Duration::days(day);
        StatusEntry { track, status: status.to_owned(), received_at, origin: Origin::Callback, package_type: None }
    }

    #[test]
    fn a_stay_includes_the_wait_for_a_reviewer_and_ends_with_the_next_stage() {
        let entries = [
            entry(1, 0, "draft"),
            entry(1, 1, "in_automation"),
            entry(2, 1, "awaiting_marketing_review"),
            entry(1, 2, "awaiting_manual_qa"),
            entry(1, 5, "in_manual_qa"),
            entry(1, 9, "rejected"),
            entry(1, 20, "in_automation"),
        ];
        let stays = stays(&entries);
        let days = |stay: &Stay| stay.until.map(|until| (until - stay.since).whole_days());
        let shown: Vec<_> = stays.iter().map(|stay| (stay.track, stay.stage, days(stay))).collect();
        let expected = [
            (1, Stage::Automation, Some(1)),
            (2, Stage::Marketing, None),
            (1, Stage::ManualQa, Some(7)),
            (1, Stage::Automation, None),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn stays_that_were_recalled_or_began_before_the_baseline_are_no_samples() {
        let mut entries = Vec::new();
        for track in 0..12 {
            let mut first = entry(track, 0, "in_manual_qa");
            if track < 4 {
                first.origin = Origin::Baseline;
            }
            entries.extend([first, entry(track, track, if track < 8 { "recalled" } else { "approved" })]);
        }
        assert_eq!(Durations::of(&entries).typical(Stage::ManualQa, None), None, "only four are left");
        entries.extend([entry(20, 0, "in_manual_qa"), entry(20, 30, "rejected")]);
        let typical = Durations::of(&entries).typical(Stage::ManualQa, None).unwrap();
        assert_eq!((typical.samples, typical.median_seconds), (5, 10 * 86_400));
        assert_eq!((typical.p25_seconds, typical.p75_seconds), (9 * 86_400, 11 * 86_400));
        assert_eq!(Durations::of(&entries).typical(Stage::ManualQa, Some("theme")), None, "of another type of package");
    }

    #[test]
    fn the_limit_is_the_fixed_one_or_three_medians_but_at_least_a_day() {
        let typical =
            |days: u64| Typical { samples: 5, p25_seconds: 0, median_seconds: days * DAY.as_secs(), p75_seconds: 0 };
        let limits = StuckLimits::default();
        for (stage, median, expected) in [
            (Stage::ManualQa, None, 15 * DAY),
            (Stage::ManualQa, Some(2), 6 * DAY),
            (Stage::ManualQa, Some(8), 15 * DAY),
            (Stage::Automation, Some(0), DAY),
            (Stage::Scan, Some(0), Duration::from_hours(4)),
        ] {
            assert_eq!(limit(limits.of(stage), median.map(typical)), expected, "{stage} {median:?}");
        }
    }

    proptest! {
        #[test]
        fn a_limit_is_never_above_the_fixed_one_nor_below_a_day(
            hours in proptest::collection::vec(0u64..5_000, 0..40),
            fixed in 0u64..1_000,
        ) {
            let count = hours.len();
            let typical = Typical::of(hours.iter().map(|hours| Duration::from_hours(*hours)).collect());
            prop_assert_eq!(typical.is_some(), count >= SAMPLES);
            let fixed = Duration::from_hours(fixed);
            let limit = limit(fixed, typical);
            prop_assert!(limit <= fixed && limit >= fixed.min(LEAST));
            if let Some(typical) = typical {
                let at_most = |bound: u64| hours.iter().filter(|hours| *hours * 3_600 <= bound).count();
                prop_assert!(at_most(typical.median_seconds) * 2 >= count);
                prop_assert!(typical.p25_seconds <= typical.median_seconds);
                prop_assert!(typical.median_seconds <= typical.p75_seconds);
            }
        }

        #[test]
        fn every_track_has_at_most_one_current_stay_and_it_is_the_last(
            reports in proptest::collection::vec((0i64..4, 0usize..6), 0..60),
        ) {
            const STATUSES: [&str; 6] =
                ["draft", "in_automation", "awaiting_manual_qa", "in_manual_qa", "rejected", "approved"];
            let entries: Vec<_> = reports.iter().zip(0..)
                .map(|((track, status), day)| entry(*track, day, STATUSES[*status])).collect();
            let stays = stays(&entries);
            for track in 0..4 {
                let of_track: Vec<_> = stays.iter().filter(|stay| stay.track == track).collect();
                let current = of_track.iter().filter(|stay| stay.until.is_none()).count();
                let last = entries.iter().rfind(|entry| entry.track == track);
                prop_assert_eq!(current == 1, last.is_some_and(|last| Stage::of(&last.status).is_some()));
                prop_assert!(current <= 1);
                // Stays of a track follow each other without overlapping.
                prop_assert!(of_track.windows(2).all(|pair| pair[0].until.is_some_and(|until| until <= pair[1].since)));
            }
        }
    }
}
