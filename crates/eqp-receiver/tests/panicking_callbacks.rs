//! A panic while one callback is projected or reprojected affects only that callback.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
#![cfg(debug_assertions)]

use eqp_receiver::fuzzing::{Stage, panic_on};
use eqp_receiver::{ReprojectScope, Reprojector};
use eqp_store::{CallbackDisposition, EventKind, SubmissionFilter};
use eqp_test_support::callbacks::{CallbackDatabase, later_form, scan};
use time::OffsetDateTime;

#[tokio::test]
async fn a_callback_that_panics_becomes_undecodable_and_its_neighbours_are_projected() {
    for (stage, marker) in [(Stage::Decode, "panics-while-decoded"), (Stage::Decide, "panics-while-decided")] {
        panic_on(stage, marker);
        let database = CallbackDatabase::new().await;
        let ids = database.callbacks(&[scan("a", "passed"), scan(marker, "passed"), scan("b", "failed")]).await;
        assert_eq!(database.project().await, 3);
        let events = database.events().await;
        let seen: Vec<_> = events.iter().map(|event| (event.callback_id.unwrap(), event.kind)).collect();
        let kinds = [EventKind::File, EventKind::Undecodable, EventKind::File];
        assert_eq!(seen, ids.iter().copied().zip(kinds).collect::<Vec<_>>());
        assert!(
            events[1].reason.as_ref().unwrap().starts_with("internal error: fault point"),
            "{:?}",
            events[1].reason
        );
        let stored = database.reader().callback(ids[1]).await.unwrap().unwrap();
        assert_eq!(
            (stored.disposition, stored.body),
            (Some(CallbackDisposition::Undecodable), scan(marker, "passed").into_bytes())
        );
        assert_eq!(database.reader().counts(None).await.unwrap().pending, 0);
    }
}

#[tokio::test]
async fn reprojection_rebuilds_a_submission_around_a_callback_that_panics() {
    let database = CallbackDatabase::new().await;
    let states = |technical| ["in_progress", technical, "draft"];
    database.callback(later_form("s1", "technical", states("in_automation"), 1)).await;
    let bad = later_form("s1", "technical", states("rejected"), 2).replace("item-s1", "reprojection-panics-on-this");
    let bad = database.callback(bad).await;
    database.callback(later_form("s1", "technical", states("approved"), 3)).await;
    database.project().await;
    let before = database.events().await.len();

    panic_on(Stage::Decode, "reprojection-panics-on-this");
    let since = ReprojectScope::Since(OffsetDateTime::UNIX_EPOCH);
    let done = Reprojector::new(database.pool.clone()).run(&since).await.unwrap();
    assert_eq!((done.resources, done.callbacks), (1, 3), "{done:?}");
    let events = database.events().await;
    assert_eq!(events.len(), before, "one event has become another");
    let undecodable: Vec<_> = events.iter().filter(|event| event.kind == EventKind::Undecodable).collect();
    assert_eq!(undecodable.iter().map(|event| event.callback_id).collect::<Vec<_>>(), [Some(bad)]);
    let submission = &database.reader().submissions(&SubmissionFilter::default()).await.unwrap()[0];
    assert_eq!((submission.technical.as_deref(), submission.item_id.as_deref()), (Some("approved"), Some("item-s1")));
}
