//! The reasons for rejections, which are read once for messages.

use eqp_simulator::Step;
use eqp_sync::ReconcileScope;
use serde_json::Value;

use crate::setup::Setup;

impl Setup {
    /// Returns the stored details of a submission, and when they were read.
    async fn details(&self, id: &str) -> (Value, time::OffsetDateTime) {
        let (details, read_at): (String, time::OffsetDateTime) =
            sqlx::query_as("select details::text, read_at from eqp.resource_detail where resource_id = $1")
                .bind(id)
                .fetch_one(&self.database.pool)
                .await
                .unwrap();
        (serde_json::from_str(&details).unwrap(), read_at)
    }
}

#[tokio::test]
async fn the_reasons_for_a_rejection_are_read_once_and_forgotten_when_the_submission_changes() {
    let setup = Setup::new().await;
    setup.was_registered().await;
    let submission = setup.submits("badges").await;
    setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(setup.details(submission.as_str()).await.0, serde_json::json!({}), "it is in review");

    setup.step(&submission, Step::MarketingStarted);
    setup.step(&submission, Step::MarketingRejected);
    setup.run(&ReconcileScope::Incremental).await;
    let (details, read_at) = setup.details(submission.as_str()).await;
    let findings = details["findings"].as_array().unwrap();
    assert!(!findings.is_empty(), "{details}");
    assert!(findings.iter().all(|one| one.as_str().unwrap().starts_with("Marketing review: ")), "{details}");

    setup.run(&ReconcileScope::Full).await;
    assert_eq!(setup.details(submission.as_str()).await, (details, read_at), "they are not read again");
}

#[tokio::test]
async fn the_rejections_of_the_first_run_are_history_whose_reasons_are_not_read() {
    let setup = Setup::new().await;
    let submission = setup.submits("badges").await;
    setup.step(&submission, Step::MarketingStarted);
    setup.step(&submission, Step::MarketingRejected);
    setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(setup.details(submission.as_str()).await.0, serde_json::json!({}));
}
