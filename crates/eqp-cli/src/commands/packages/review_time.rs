//! The time that the review of a rejected version took. The database of a receiver knows it, the Marketplace alone does not.

use eqp_console::{ReviewQuery, ReviewTrack, SubmissionReview};
use eqp_types::SubmissionId;
use serde::Serialize;

use crate::compose::recorded;
use crate::context::Context;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The time that the review of a rejected version took.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RejectedAfter {
    /// The time in review until the rejection, in seconds.
    seconds: u64,
    /// The step that ended with the rejection, such as `manual QA`.
    step: String,
    /// The usual duration of that step for this account: a quarter of the earlier versions took at most the first, three quarters at most
    /// the second number of seconds. Null if there are fewer than 5.
    typical_seconds: Option<[u64; 2]>,
    #[serde(skip)]
    typical: Option<String>,
}

impl RejectedAfter {
    /// Reads the duration. An explanation works without it, so failures are ignored.
    pub(super) async fn read(context: &Context, id: &SubmissionId) -> Option<Self> {
        let operator = recorded::open(context).await.ok().flatten()?;
        let mut query = ReviewQuery::default();
        query.environment = context.settings.marketplace.environment;
        let reviews = operator.client().submission_reviews(id.as_str(), &query).await;
        // What was read is shown, whatever becomes of the connections.
        let _ = operator.close().await;
        // An ID of two accounts has two reviews.
        let [review] = <[SubmissionReview; 1]>::try_from(reviews.ok()??.reviews).ok()?;
        Self::of(&review.tracks)
    }

    fn of(tracks: &[ReviewTrack]) -> Option<Self> {
        let rejected = tracks.iter().filter(|track| track.status == "rejected");
        rejected.filter_map(Self::of_track).max_by_key(|one| one.seconds)
    }

    fn of_track(track: &ReviewTrack) -> Option<Self> {
        let begun = track.steps.iter().filter(|step| step.seconds.is_some());
        let last = begun.clone().next_back()?;
        Some(Self {
            seconds: begun.filter_map(|step| step.seconds).sum(),
            step: last.name.clone(),
            typical_seconds: last.typical_seconds,
            typical: last.typical_in_words(),
        })
    }

    /// Describes the duration, such as `after 2 d 4 h (manual QA: yours take 1 to 3 days)`.
    pub(super) fn sentence(&self) -> String {
        let typical = self.typical.as_ref().map(|typical| format!(" ({}: yours take {typical})", self.step));
        format!("after {}{}", two_units(self.seconds), typical.unwrap_or_default())
    }
}

/// Returns a duration in its two largest units, such as `2 d 4 h`.
fn two_units(seconds: u64) -> String {
    let (first, second) = match seconds {
        0..HOUR => return format!("{} min", seconds / MINUTE),
        HOUR..DAY => ((HOUR, "h"), (MINUTE, "min")),
        _ => ((DAY, "d"), (HOUR, "h")),
    };
    match seconds % first.0 / second.0 {
        0 => format!("{} {}", seconds / first.0, first.1),
        rest => format!("{} {} {rest} {}", seconds / first.0, first.1, second.1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    type Step = (&'static str, Option<u64>, Option<[u64; 2]>);

    fn track(status: &str, steps: &[Step]) -> Value {
        let steps = steps.iter().map(|(name, seconds, typical)| {
            json!({"name": name, "state": "done", "status": null, "entered_at": null, "seconds": seconds,
                "typical_seconds": typical})
        });
        json!({"flow": "technical", "status": status, "is_unconfirmed": false, "steps": steps.collect::<Vec<_>>()})
    }

    #[test]
    fn the_time_until_a_rejection_is_compared_with_that_of_its_last_step() {
        let of = |tracks: Value| RejectedAfter::of(&serde_json::from_value::<Vec<ReviewTrack>>(tracks).unwrap());
        let technical = track(
            "rejected",
            &[
                ("automated tests", Some(4 * HOUR + 5), Some([HOUR, 2 * HOUR])),
                ("manual QA", Some(2 * DAY), Some([DAY, 3 * DAY])),
                ("result", None, None),
            ],
        );
        let marketing = track("approved", &[("marketing review", Some(30 * DAY), None)]);
        let found = of(json!([marketing, technical])).unwrap();
        assert_eq!(found.sentence(), "after 2 d 4 h (manual QA: yours take 1 to 3 days)");
        let unknown = of(json!([track("rejected", &[("automated tests", Some(59), None)])])).unwrap();
        assert_eq!(unknown.sentence(), "after 0 min");
        assert_eq!(of(json!([track("approved", &[("manual QA", Some(5), None)])])), None);
    }

    #[test]
    fn a_duration_has_at_most_two_units() {
        for (seconds, text) in
            [(59, "0 min"), (3_600, "1 h"), (5_400, "1 h 30 min"), (86_400, "1 d"), (190_000, "2 d 4 h")]
        {
            assert_eq!(two_units(seconds), text);
        }
    }
}
