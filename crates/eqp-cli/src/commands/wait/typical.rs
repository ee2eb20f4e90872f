//! The usual durations of the stages that submissions wait at, which the database of a receiver knows for its accounts.

use std::collections::HashMap;

use eqp_console::{OperatorClient, ReviewQuery, ReviewStep};
use eqp_release::wait::{Resource, Statuses, WaitTarget};
use eqp_sync::Stage;
use eqp_types::Environment;
use futures_util::{StreamExt, stream};

/// The maximum number of concurrent requests.
const MAX_REQUESTS: usize = 4;

/// The usual durations of the account's earlier reviews, for each submission.
#[derive(Default)]
pub(super) struct TypicalTimes(HashMap<String, Vec<ReviewStep>>);

impl TypicalTimes {
    /// Reads the durations. A wait works without them, so failures are ignored.
    pub(super) async fn read(
        client: &OperatorClient,
        environment: Option<Environment>,
        resources: &[(Resource, WaitTarget)],
    ) -> Self {
        let submissions = resources.iter().filter(|(resource, _)| matches!(resource, Resource::Submission(_)));
        let ids: Vec<String> = submissions.map(|(resource, _)| resource.id().to_owned()).collect();
        let mut query = ReviewQuery::default();
        query.environment = environment;
        let read = stream::iter(ids).map(|id| {
            let query = &query;
            async move {
                let reviews = client.submission_reviews(&id, query).await.ok().flatten()?.reviews;
                // An ID of two accounts has two sets of durations.
                let [review] = <[_; 1]>::try_from(reviews).ok()?;
                Some((id, review.tracks.into_iter().flat_map(|track| track.steps).collect()))
            }
        });
        let found: Vec<Option<(String, Vec<ReviewStep>)>> = read.buffered(MAX_REQUESTS).collect().await;
        Self(found.into_iter().flatten().collect())
    }

    /// Returns the stages of these statuses that have a usual duration, each with it.
    pub(super) fn of(&self, resource: &Resource, statuses: &Statuses) -> Vec<(Stage, &ReviewStep)> {
        let steps = self.0.get(resource.id());
        let stages = statuses.iter().filter_map(|(_, status)| Stage::of(status));
        let step = |stage: Stage| {
            let name = stage.to_string();
            let step = steps?.iter().find(|step| step.name == name && step.typical_seconds.is_some())?;
            Some((stage, step))
        };
        stages.filter_map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use eqp_types::{Flow, SubmissionId};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_stages_that_it_waits_at_have_a_duration() {
        let step = |name: &str, typical: Option<[u64; 2]>| {
            let step = json!({"name": name, "state": "not_begun", "status": null, "entered_at": null, "seconds": null,
                "typical_seconds": typical});
            serde_json::from_value::<ReviewStep>(step).unwrap()
        };
        let steps = vec![
            step("automated tests", Some([3_600, 7_200])),
            step("manual QA", Some([345_600, 604_800])),
            step("marketing review", None),
        ];
        let typical = TypicalTimes(HashMap::from([("s1".to_owned(), steps)]));
        let of = |id: &str, technical: &str| {
            let resource = Resource::Submission(SubmissionId::new(id).unwrap());
            let statuses = vec![
                (Flow::Overall, "in_progress".to_owned()),
                (Flow::Technical, technical.to_owned()),
                (Flow::Marketing, "in_marketing_review".to_owned()),
            ];
            let found = typical.of(&resource, &statuses).into_iter();
            found.filter_map(|(stage, step)| Some(format!("{stage}: {}", step.typical_in_words()?))).collect::<Vec<_>>()
        };
        assert_eq!(of("s1", "in_manual_qa"), ["manual QA: 4 to 7 days"]);
        assert_eq!(of("s1", "approved"), [""; 0]);
        assert_eq!(of("s2", "in_manual_qa"), [""; 0], "nothing is known about another submission");
    }
}
