//! Submissions and files that are stuck, and statuses in doubt.

use eqp_store::AlertSeverity;
use eqp_sync::{AlertKind, AlertSettings, ReconcileScope, StuckLimits, SupportLetters};
use eqp_test_support::callbacks::{CallbackDatabase, first_form, later_form, package, scan};
use time::{Duration, OffsetDateTime};

use crate::harness::Watch;
use crate::setup::Setup;

/// Stores and projects callbacks that arrived this many days ago: each a submission and its technical status.
async fn arrived(database: &CallbackDatabase, days_ago: i64, reports: &[(&str, &str)]) {
    let bodies: Vec<_> =
        reports.iter().map(|(submission, status)| first_form(submission, "technical", status)).collect();
    database.callbacks_of(OffsetDateTime::now_utc() - Duration::days(days_ago), &bodies).await;
    database.project().await;
}

#[tokio::test]
async fn a_submission_is_stuck_after_the_fixed_limit_or_three_medians() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    arrived(&database, 14, &[("s1", "awaiting_manual_qa")]).await;
    arrived(&database, 13, &[("s1", "in_manual_qa")]).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 0, "less than 15 days");
    assert_eq!(watch.after(Duration::days(1) + Duration::HOUR).await.opened, 1, "the wait for a reviewer counts");
    let id = watch.the(AlertKind::ReviewStuck).await.id;

    // Five and six other submissions were in manual QA for four to five days.
    arrived(&database, 9, &["a", "b", "c", "d", "e", "f"].map(|one| (one, "in_manual_qa"))).await;
    arrived(&database, 5, &["a", "b", "c"].map(|one| (one, "approved"))).await;
    arrived(&database, 4, &["d", "e"].map(|one| (one, "rejected"))).await;
    let evaluation = watch.after(Duration::days(1) + Duration::hours(2)).await;
    assert_eq!((evaluation.opened, evaluation.updated), (0, 1));
    arrived(&database, 3, &[("f", "approved")]).await;
    assert_eq!(watch.after(Duration::days(1) + Duration::hours(3)).await.updated, 1);
    let text = watch.acknowledge(AlertKind::ReviewStuck, AlertSeverity::Ticket).await;
    assert_eq!(
        (text.title.as_str(), text.summary.as_str()),
        ("s1", "In manual QA for 14 d; your last 6 took 4 to 5 d.")
    );
    assert_eq!(text.first_check, "eqp submissions letter s1");
    let letters = SupportLetters::new(database.pool.clone());
    let letter = letters.about("s1", watch.begun + Duration::DAY).await.unwrap().unwrap();
    assert_eq!(letter.to, "commercemarketplacesupport@adobe.com");
    assert!(letter.body.contains("It has been in manual QA since") && letter.body.contains("14 d"), "{letter:?}");
    assert!(letter.body.contains("This step typically takes 4 to 5 d for us (our last 6 submissions)."), "{letter:?}");
    assert!(letter.body.contains("Our MAGE ID is MAG"), "{letter:?}");

    arrived(&database, 0, &[("s1", "approved")]).await;
    assert_eq!(watch.after(Duration::days(1) + Duration::hours(4)).await.resolved, 1);
    watch.is_resolved(id).await;
    assert_eq!(letters.about("s1", watch.begun + Duration::DAY).await.unwrap(), None, "it waits for nothing");

    // For this account, three medians of 4 days are less than the fixed limit.
    arrived(&database, 9, &["g", "h"].map(|one| (one, "in_manual_qa"))).await;
    arrived(&database, 5, &["g", "h"].map(|one| (one, "approved"))).await;
    arrived(&database, 13, &[("s2", "in_manual_qa")]).await;
    let evaluation = watch.after(Duration::days(1) + Duration::hours(5)).await;
    assert_eq!(evaluation.opened, 1);
    assert_eq!(watch.the(AlertKind::ReviewStuck).await.subject.key, "s2/technical");
}

#[tokio::test]
async fn each_stage_has_its_own_limit_which_can_be_configured() {
    let database = CallbackDatabase::new().await;
    let hour = std::time::Duration::from_hours(1);
    let limits = StuckLimits { marketing: 3 * hour, ..StuckLimits::default() };
    let mut watch = Watch::with(&database.database, AlertSettings::default().limits(limits)).await;
    let bodies = [
        scan("1.2", "in-progress"),
        first_form("s1", "technical", "in_automation"),
        first_form("s2", "marketing", "awaiting_marketing_review"),
        first_form("s3", "technical", "in_automation"),
        first_form("s3", "overall", "canceled_by_developer"),
    ];
    database.callbacks(&bodies).await;
    database.project().await;
    let mut opened = Vec::new();
    for hours in [2, 3, 4, 5, 47, 49] {
        opened.push(watch.after(Duration::hours(hours) + Duration::MINUTE).await.opened);
    }
    assert_eq!(opened, [0, 1, 1, 0, 0, 1], "marketing, scan, automation; not the canceled one");
}

#[tokio::test]
async fn what_the_first_run_finds_is_not_stuck_and_the_type_of_a_package_counts() {
    let setup = Setup::new().await;
    setup.submits("badges").await;
    let mut watch = Watch::of(&setup.database.database).await;
    setup.run(&ReconcileScope::Incremental).await;
    assert_eq!(watch.after(Duration::hours(1)).await.opened, 0);
    let types: Vec<Option<String>> =
        sqlx::query_scalar("select package_type from eqp.resource_detail where sku is not null")
            .fetch_all(&setup.database.pool)
            .await
            .unwrap();
    assert_eq!(types, [Some("extension".to_owned())]);
}

#[tokio::test]
async fn a_status_that_the_api_contradicts_opens_an_alert_until_it_is_confirmed() {
    const IN_QA: [&str; 3] = ["in_progress", "in_manual_qa", "draft"];
    const APPROVED: [&str; 3] = ["in_progress", "approved", "draft"];
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    // The API answers with another status than the callback of the same second.
    let contradicts = async |callback, second, read| {
        database.callback(later_form("s1", "technical", callback, second)).await;
        database.project().await;
        assert!(database.read_package(package("s1", read, second)).await);
        database.project().await;
    };
    contradicts(APPROVED, 5, IN_QA).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 0, "a later report may confirm it");
    assert_eq!(watch.after(Duration::hours(2)).await.opened, 1);
    let id = watch.the(AlertKind::StatusUnconfirmed).await.id;
    contradicts(IN_QA, 9, APPROVED).await;
    assert_eq!(watch.after(Duration::hours(2)).await.updated, 1);
    contradicts(APPROVED, 13, IN_QA).await;
    assert_eq!(watch.after(Duration::hours(2)).await.updated, 1);
    let text = watch.acknowledge(AlertKind::StatusUnconfirmed, AlertSeverity::Ticket).await;
    assert!(text.meaning.ends_with("The one from the API is shown: in manual QA."), "{text:?}");

    assert!(database.read_package(package("s1", IN_QA, 13)).await);
    database.project().await;
    assert_eq!(watch.after(Duration::hours(2)).await.resolved, 1);
    watch.is_resolved(id).await;
}
