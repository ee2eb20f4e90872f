//! API reads correct and confirm what callbacks reported, and show which callbacks never arrived.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use eqp_receiver::{ReprojectScope, Reprojector};
use eqp_store::internal::{Retention, api_read, missing_callback, track};
use eqp_store::{Disposition, EventFilter, EventKind, Origin, ResourceKind, Submission, SubmissionFilter};
use eqp_test_support::callbacks::{CallbackDatabase, file, first_form, later_form, package, scan, summaries};
use sqlx::Executor;
use time::OffsetDateTime;

const IN_QA: [&str; 3] = ["in_progress", "in_manual_qa", "draft"];
const APPROVED: [&str; 3] = ["in_progress", "approved", "draft"];

async fn submission(database: &CallbackDatabase) -> Submission {
    database.reader().submissions(&SubmissionFilter::default()).await.unwrap().remove(0)
}

async fn dispositions(database: &CallbackDatabase) -> Vec<String> {
    let sql = "select disposition from eqp.api_read_disposition order by ordinal";
    sqlx::query_scalar(sql).fetch_all(&database.pool).await.unwrap()
}

/// The endpoint counts as registered from now on.
async fn register(database: &CallbackDatabase) {
    let credential = "insert into eqp.credential (endpoint_id, username, password_hmac, state, active_since)
        select id, 'key', decode(repeat('00', 32), 'hex'), 'active', now() - interval '1 day' from eqp.endpoint";
    database.pool.execute(credential).await.unwrap();
}

async fn reproject(database: &CallbackDatabase) -> (usize, usize) {
    let ever = ReprojectScope::Since(OffsetDateTime::UNIX_EPOCH);
    let done = Reprojector::new(database.pool.clone()).run(&ever).await.unwrap();
    (done.events_new, done.events_gone)
}

#[tokio::test]
async fn only_reads_that_say_something_new_are_stored() {
    let database = CallbackDatabase::new().await;
    assert!(database.read_package(package("s1", IN_QA, 1)).await, "an unknown submission");
    database.project().await;
    assert!(!database.read_package(package("s1", IN_QA, 1)).await, "what is known");
    assert!(database.read_package(package("s1", APPROVED, 2)).await, "another status");
    database.project().await;
    assert_eq!(database.reads(&[]).await, 0);
    let several = [package("s1", APPROVED, 2), package("s2", IN_QA, 3), package("s3", IN_QA, 3)];
    let several = several.map(|body| database.read(ResourceKind::Submission, body));
    assert_eq!(database.reads(&several).await, 2);
    assert_eq!(database.project().await, 2);
    let counts = database.reader().counts(None).await.unwrap();
    assert_eq!((counts.submissions, counts.events, counts.corrected, counts.callbacks_received), (3, 10, 1, 0));
}

#[tokio::test]
async fn a_status_that_no_callback_reported_is_corrected_and_shown_with_its_origin() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", IN_QA, 1)).await;
    database.project().await;
    assert_eq!(submission(&database).await.confirmed_at, None);
    assert!(database.read_package(package("s1", APPROVED, 9)).await);
    database.project().await;

    let events = database.events().await;
    assert_eq!(summaries(&events[3..]), [("technical".into(), "approved".into(), "corrected")]);
    assert_eq!((events[0].origin, events[3].origin), (Origin::Callback, Origin::Reconcile));
    let shown = submission(&database).await;
    assert_eq!((shown.technical.as_deref(), shown.item_id.as_deref()), (Some("approved"), Some("item-s1")));
    assert!(shown.confirmed_at.is_some() && !shown.unconfirmed && !shown.ambiguous);
    let detail = database.reader().event(4).await.unwrap().unwrap();
    assert_eq!(detail.callback, None);
    let read = detail.api_read.unwrap();
    assert_eq!((read.body, read.baseline), (package("s1", APPROVED, 9).into_bytes(), false));
    let corrected = EventFilter { disposition: Some(Disposition::Corrected), ..EventFilter::default() };
    assert_eq!(database.reader().events(&corrected).await.unwrap().len(), 1);
    let in_view: (String, Option<String>) =
        sqlx::query_as("select origin, missing_callback from eqp.v_event where seq = 4")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!(in_view, ("reconcile".to_owned(), None));
    assert_eq!(reproject(&database).await, (0, 0));
}

#[tokio::test]
async fn an_ambiguous_submission_is_settled_by_one_read() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", APPROVED, 1)).await;
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1)).await;
    database.project().await;
    let resources = track::to_read_again(&database.pool, database.account, 10).await.unwrap();
    assert_eq!(resources.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["s1"]);
    // It was approved after all, which has an event with the same time already.
    assert!(database.read_package(package("s1", APPROVED, 1)).await);
    database.project().await;
    let shown = submission(&database).await;
    assert_eq!((shown.technical.as_deref(), shown.ambiguous, shown.unconfirmed), (Some("approved"), false, false));
    assert!(!database.read_package(package("s1", APPROVED, 1)).await, "there is nothing left to settle");
    assert!(track::to_read_again(&database.pool, database.account, 10).await.unwrap().is_empty());
    assert_eq!(reproject(&database).await, (0, 0));
}

#[tokio::test]
async fn a_read_that_contradicts_a_callback_is_repeated_until_it_is_confirmed() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", APPROVED, 9)).await;
    database.project().await;
    assert!(database.read_package(package("s1", IN_QA, 5)).await);
    database.project().await;
    let shown = submission(&database).await;
    assert_eq!((shown.technical.as_deref(), shown.unconfirmed, shown.confirmed_at), (Some("in_manual_qa"), true, None));
    assert_eq!(track::to_read_again(&database.pool, database.account, 10).await.unwrap().len(), 1);
    assert!(database.read_package(package("s1", IN_QA, 5)).await, "it has to be confirmed");
    database.project().await;
    let shown = submission(&database).await;
    assert!(!shown.unconfirmed && shown.confirmed_at.is_some());
    assert_eq!(dispositions(&database).await, ["event", "duplicate"]);
    // The same report arrives once more, as one about the other flow.
    database.callback(later_form("s1", "marketing", APPROVED, 9)).await;
    database.project().await;
    assert_eq!(submission(&database).await.technical.as_deref(), Some("in_manual_qa"));
    assert_eq!(reproject(&database).await, (0, 0));
}

#[tokio::test]
async fn a_read_that_a_callback_has_overtaken_is_discarded_and_read_again() {
    let database = CallbackDatabase::new().await;
    let mut outdated = database.read(ResourceKind::Submission, package("s1", IN_QA, 1));
    outdated.began_at -= time::Duration::SECOND;
    database.callback(later_form("s1", "technical", APPROVED, 2)).await;
    assert_eq!(database.reads(&[outdated]).await, 1);
    database.project().await;
    assert_eq!((dispositions(&database).await, database.events().await.len()), (vec!["discarded".to_owned()], 3));
    assert_eq!(submission(&database).await.technical.as_deref(), Some("approved"));
    assert_eq!(track::to_read_again(&database.pool, database.account, 10).await.unwrap().len(), 1);
    // The next read says nothing new, but it is stored, or the resource would have to be read forever.
    assert!(database.read_package(package("s1", APPROVED, 2)).await);
    database.project().await;
    assert!(track::to_read_again(&database.pool, database.account, 10).await.unwrap().is_empty());
    assert!(!database.read_package(package("s1", APPROVED, 2)).await);
    assert_eq!(reproject(&database).await, (0, 0));
}

#[tokio::test]
async fn nothing_is_duplicated_when_the_callbacks_arrive_after_all() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", ["approved", "approved", "approved"], 1)).await;
    database.project().await;
    // The release, whose callback is about a review and mentions the release beside it.
    assert!(database.read_package(package("s1", ["released_to_store", "approved", "approved"], 9)).await);
    database.project().await;
    let before = database.events().await;
    let late = database.callback(later_form("s1", "marketing", ["released_to_store", "approved", "approved"], 9)).await;
    database.callback(first_form("s1", "technical", "approved")).await;
    database.project().await;
    assert_eq!(database.events().await, before);
    let detail = database.reader().event(4).await.unwrap().unwrap();
    assert_eq!(detail.duplicates.iter().map(|one| one.id).collect::<Vec<_>>(), [late]);
    assert_eq!(reproject(&database).await, (0, 0));
}

#[tokio::test]
async fn a_callback_is_missed_only_if_it_has_not_arrived_in_time() {
    let database = CallbackDatabase::new().await;
    register(&database).await;
    let beside = database.beside("sandbox", "MAG000000007", "never-registered").await;
    for (of, submission) in [(&database, "missed"), (&database, "slow"), (&beside, "not-expected")] {
        of.callback(later_form(submission, "technical", IN_QA, 1)).await;
        of.project().await;
        assert!(of.read_package(package(submission, APPROVED, 9)).await);
        of.project().await;
    }
    database.callback(later_form("slow", "technical", APPROVED, 9)).await;
    // A first read of a draft: nothing has changed yet that a callback could have reported.
    assert!(database.read_package(package("draft", ["draft", "draft", "draft"], 1)).await);
    database.project().await;

    assert_eq!(missing_callback::decide(&database.pool, Duration::from_mins(15)).await.unwrap(), []);
    database.pool.execute("update eqp.missing_callback set found_at = found_at - interval '15 min'").await.unwrap();
    let missed = missing_callback::decide(&database.pool, Duration::from_mins(15)).await.unwrap();
    assert_eq!(missed, [missing_callback::Missed { account: database.account, callbacks: 1 }]);
    assert_eq!(missing_callback::decide(&database.pool, Duration::from_mins(15)).await.unwrap(), []);
    let decisions: Vec<(String, String)> = sqlx::query_as(
        "select resource_id, missing_callback from eqp.v_event where missing_callback is not null order by seq",
    )
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let decision = |id: &str, decision: &str| (id.to_owned(), decision.to_owned());
    assert_eq!(
        decisions,
        [decision("missed", "missed"), decision("slow", "slow"), decision("not-expected", "not_expected")]
    );
    // Reprojection leaves the decisions alone.
    assert_eq!(reproject(&database).await, (0, 0));
    let decided: i64 = sqlx::query_scalar("select count(*) from eqp.missing_callback where decision is not null")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(decided, 3);
}

#[tokio::test]
async fn the_past_of_an_account_is_baseline_and_misses_no_callback() {
    let database = CallbackDatabase::new().await;
    register(&database).await;
    let mut past = database.read(ResourceKind::Submission, package("s1", APPROVED, 1));
    past.baseline = true;
    let mut scanned = database.read(ResourceKind::File, file("f1", "pass"));
    scanned.baseline = true;
    assert_eq!(database.reads(&[past, scanned]).await, 2);
    database.project().await;
    let events = database.events().await;
    assert!(events.len() == 4 && events.iter().all(|event| event.origin == Origin::Baseline), "{events:?}");
    let missing: i64 =
        sqlx::query_scalar("select count(*) from eqp.missing_callback").fetch_one(&database.pool).await.unwrap();
    assert_eq!(missing, 0);
    // The callback of the scan arrives.
    database.callback(scan("f1", "passed")).await;
    database.project().await;
    assert_eq!(database.events().await.len(), 4);
}

#[tokio::test]
async fn a_read_that_cannot_be_decoded_or_stored_costs_only_itself() {
    let database = CallbackDatabase::new().await;
    let trap = "alter table eqp.track add constraint no_unstorable check (resource_id <> 'unstorable')";
    database.pool.execute(trap).await.unwrap();
    let bodies = [package("s1", IN_QA, 1), package("unstorable", IN_QA, 1), package("s2", IN_QA, 1)];
    let reads = bodies.map(|body| database.read(ResourceKind::Submission, body));
    assert_eq!(database.reads(&reads).await, 3);
    database.pool.execute("update eqp.api_read set body = '<html>' where resource_id = 's2'").await.unwrap();
    assert_eq!(database.project().await, 3);
    assert_eq!(dispositions(&database).await, ["event", "undecodable", "undecodable"]);
    let events = database.events().await;
    assert_eq!(events[3..].iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Undecodable; 2]);
    assert!(events[3].reason.as_ref().unwrap().contains("no_unstorable"), "{events:?}");
    assert_eq!(events[4].reason.as_deref(), Some("it is not JSON"));
    assert_eq!(reproject(&database).await, (0, 0));
}

#[tokio::test]
async fn reads_are_deleted_with_the_callbacks_of_their_time() {
    let database = CallbackDatabase::new().await;
    assert!(database.read_package(package("s1", IN_QA, 1)).await);
    assert!(database.read_package(package("s2", IN_QA, 1)).await);
    let retention = Retention::new(database.pool.clone());
    let later = OffsetDateTime::now_utc() + time::Duration::SECOND;
    retention.delete_before(later).await.unwrap();
    let reads = "select (select count(*) from eqp.api_read) + (select count(*) from eqp.api_read_disposition)";
    let count = async || sqlx::query_scalar::<_, i64>(reads).fetch_one(&database.pool).await.unwrap();
    assert_eq!(count().await, 2, "they wait for their projection");
    database.project().await;
    retention.delete_before(later).await.unwrap();
    assert_eq!((count().await, database.events().await.len()), (0, 6));
    let mut connection = database.pool.acquire().await.unwrap();
    assert!(api_read::projected(&mut connection, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn files_are_read_until_their_scan_has_ended() {
    let database = CallbackDatabase::new().await;
    let reads = [("f1", "in-progress"), ("f2", "queued"), ("f3", "pass")];
    let reads = reads.map(|(id, status)| database.read(ResourceKind::File, file(id, status)));
    assert_eq!(database.reads(&reads).await, 3);
    database.project().await;
    assert_eq!(track::unfinished_files(&database.pool, database.account, 10).await.unwrap(), ["f1", "f2"]);
    assert_eq!(track::unfinished_files(&database.pool, database.account, 1).await.unwrap(), ["f1"]);
    database.callback(scan("f1", "failed")).await;
    database.project().await;
    assert_eq!(track::unfinished_files(&database.pool, database.account, 10).await.unwrap(), ["f2"]);
}
