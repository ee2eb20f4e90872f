//! Lists, details and tails of the data of a receiver.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_store::{Disposition, EventFilter, EventKind, FileFilter, Order, Reader, SubmissionFilter};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, later_form, scan};
use eqp_types::{Environment, Flow, MageId};
use futures_util::StreamExt;
use time::OffsetDateTime;

/// Two accounts: three submissions and two files in production, one submission in the sandbox.
async fn filled() -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    let sandbox = database.beside("sandbox", "MAG2", "second").await;
    database.callback(later_form("s1", "technical", ["in_progress", "in_automation", "draft"], 1)).await; // 1, 2, 3
    database.callback(later_form("s2", "marketing", ["in_progress", "draft", "rejected"], 1)).await; // 4, 5, 6
    database.callback(scan("f1", "pass")).await; // 7
    database.callback(scan("f2", "fail")).await; // 8
    sandbox.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 1)).await; // 9, 10, 11
    database.callback("{}").await; // 12
    database.callback(r#"{"callback_event": "moved"}"#).await; // 13
    database.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 9)).await; // 14
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 5)).await; // 15, late
    database.project().await;
    database
}

async fn seqs(reader: &Reader, filter: EventFilter) -> Vec<i64> {
    reader.events(&filter).await.unwrap().into_iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn events_are_listed_by_what_a_filter_names() {
    let database = filled().await;
    let reader = database.reader();
    let all = EventFilter::default;
    let cases: Vec<(EventFilter, Vec<i64>)> = vec![
        (EventFilter { limit: 3, ..all() }, vec![15, 14, 13]),
        (EventFilter { limit: 2, before_seq: Some(13), ..all() }, vec![12, 11]),
        (EventFilter { order: Order::OldestFirst, after_seq: Some(12), ..all() }, vec![13, 14, 15]),
        (EventFilter { environment: Some(Environment::Sandbox), ..all() }, vec![11, 10, 9]),
        (EventFilter { mage_id: Some(MageId::new("MAG2").unwrap()), limit: 1, ..all() }, vec![11]),
        (
            EventFilter {
                environment: Some(Environment::Production),
                mage_id: Some(MageId::new("MAG2").unwrap()),
                ..all()
            },
            vec![],
        ),
        (EventFilter { kind: Some(EventKind::File), ..all() }, vec![8, 7]),
        (EventFilter { kind: Some(EventKind::Undecodable), ..all() }, vec![12]),
        (EventFilter { kind: Some(EventKind::Unknown), ..all() }, vec![13]),
        (EventFilter { resource_id: Some("s2".into()), ..all() }, vec![6, 5, 4]),
        (EventFilter { flow: Some(Flow::Malware), ..all() }, vec![8, 7]),
        (EventFilter { status: Some("approved".into()), ..all() }, vec![14, 11]),
        (EventFilter { status: Some("fail".into()), ..all() }, vec![8]),
        (EventFilter { flow: Some(Flow::Marketing), status: Some("rejected".into()), ..all() }, vec![6]),
        (EventFilter { disposition: Some(Disposition::Late), ..all() }, vec![15]),
        (EventFilter { disposition: Some(Disposition::Applied), limit: 1, ..all() }, vec![14]),
        (EventFilter { since: Some(OffsetDateTime::now_utc()), ..all() }, vec![]),
        (EventFilter { since: Some(OffsetDateTime::UNIX_EPOCH), limit: 2, ..all() }, vec![15, 14]),
        (
            EventFilter {
                since: Some(OffsetDateTime::UNIX_EPOCH),
                order: Order::OldestFirst,
                before_seq: Some(3),
                ..all()
            },
            vec![1, 2],
        ),
        (EventFilter { until: Some(OffsetDateTime::UNIX_EPOCH), ..all() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(seqs(&reader, filter.clone()).await, expected, "{filter:?}");
    }
    assert_eq!(reader.latest_seq().await.unwrap(), 15);
}

/// A spool that is emptied late brings old callbacks with new numbers.
#[tokio::test]
async fn recent_callbacks_are_found_among_thousands_of_old_ones() {
    let database = filled().await;
    let old = "insert into eqp.event (seq, account_id, kind, received_at, origin, explicit, applied, reason)
               select n, 1, 'unknown', '2020-01-01', 'callback', false, false, 'moved'
               from generate_series(16, 6000) as n";
    sqlx::query(old).execute(&database.pool).await.unwrap();
    let lately = EventFilter {
        since: Some(OffsetDateTime::now_utc() - time::Duration::DAY),
        limit: 3,
        ..EventFilter::default()
    };
    assert_eq!(seqs(&database.reader(), lately.clone()).await, [15, 14, 13]);
    assert_eq!(seqs(&database.reader(), EventFilter { disposition: Some(Disposition::Late), ..lately }).await, [15]);
}

#[tokio::test]
async fn an_event_is_one_flat_object_of_json() {
    let database = filled().await;
    let event = database.reader().event(14).await.unwrap().unwrap().event;
    let mut json = serde_json::to_value(&event).unwrap();
    let (callback_id, received_at) = (json["callback_id"].take(), json["received_at"].take());
    assert_eq!(callback_id, serde_json::json!(event.callback_id));
    assert!(received_at.as_str().unwrap().ends_with('Z'));
    insta::assert_json_snapshot!(json, @r#"
    {
      "api_read_id": null,
      "applied": true,
      "callback_id": null,
      "clock_doubtful": false,
      "disposition": "applied",
      "environment": "production",
      "explicit": true,
      "flow": "technical",
      "item_id": "item-s1",
      "kind": "submission",
      "mage_id": "MAG123456789",
      "modified_at": "2022-08-25 19:20:09",
      "origin": "callback",
      "reason": null,
      "received_at": null,
      "resource_id": "s1",
      "seq": 14,
      "status": "approved"
    }
    "#);
}

#[tokio::test]
async fn submissions_and_files_show_their_current_state() {
    let database = filled().await;
    let reader = database.reader();
    let all = SubmissionFilter::default;
    let ids = async |filter: SubmissionFilter| {
        let found = reader.submissions(&filter).await.unwrap();
        found.into_iter().map(|it| (it.environment.as_str(), it.submission_id)).collect::<Vec<_>>()
    };
    let (production, sandbox) = (("production", "s1".to_owned()), ("sandbox", "s1".to_owned()));
    assert_eq!(ids(all()).await, [production.clone(), sandbox.clone(), ("production", "s2".to_owned())]);
    assert_eq!(ids(SubmissionFilter { limit: 1, before_seq: Some(14), ..all() }).await, std::slice::from_ref(&sandbox));
    assert_eq!(ids(SubmissionFilter { marketing: Some("rejected".into()), ..all() }).await[0].1, "s2");
    assert_eq!(ids(SubmissionFilter { item_id: Some("item-s2".into()), ..all() }).await[0].1, "s2");
    assert_eq!(ids(SubmissionFilter { technical: Some("approved".into()), ..all() }).await, [production, sandbox]);
    assert!(ids(SubmissionFilter { ambiguous: Some(true), ..all() }).await.is_empty());

    let files = reader.files(&FileFilter { malware: Some("pass".into()), ..FileFilter::default() }).await.unwrap();
    assert_eq!((files[0].file_upload_id.as_str(), files[0].malware.as_str(), files.len()), ("f1", "passed", 1));
}

#[tokio::test]
async fn a_submission_is_found_by_either_id_with_its_history() {
    let database = filled().await;
    let reader = database.reader();
    let by_id = reader.submission(Some(Environment::Production), "s1").await.unwrap();
    let past: Vec<_> = by_id[0].events.iter().map(|event| event.seq).collect();
    assert_eq!(past, [1, 2, 3, 14, 15]);
    assert_eq!(by_id[0].submission.technical.as_deref(), Some("approved"));
    assert_eq!(reader.submission(None, "s1").await.unwrap().len(), 2, "one for each account");
    assert_eq!(reader.submission(None, "item-s2").await.unwrap()[0].submission.submission_id, "s2");
    assert!(reader.submission(None, "s3").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_callback_is_shown_byte_for_byte() {
    let database = CallbackDatabase::new().await;
    let id = database.callback(b"\xff\x00").await;
    let callback = database.reader().callback(id).await.unwrap().unwrap();
    assert_eq!(callback.body, b"\xff\x00");
    assert_eq!(callback.headers, b"content-type: application/json\r\n");
    assert_eq!((callback.source.to_string().as_str(), callback.endpoint.as_str()), ("192.0.2.7", "main"));
    assert_eq!(callback.disposition, None, "it waits for its projection");
    assert_eq!(database.reader().counts(None).await.unwrap().pending, 1);
    assert!(database.reader().callback(uuid::Uuid::now_v7()).await.unwrap().is_none());
}

#[tokio::test]
async fn counts_cover_all_or_one_environment() {
    let database = filled().await;
    let counts = database.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.submissions, counts.files), (9, 13, 3, 2));
    assert_eq!((counts.unknown, counts.undecodable, counts.late), (1, 1, 1));
    let sandbox = database.reader().counts(Some(Environment::Sandbox)).await.unwrap();
    assert_eq!((sandbox.callbacks_received, sandbox.events, sandbox.submissions), (1, 3, 1));
}

#[tokio::test]
async fn a_tail_returns_past_and_new_events() {
    let database = filled().await;
    let filter = EventFilter { kind: Some(EventKind::File), after_seq: Some(0), ..EventFilter::default() };
    let tail = database.reader().tail(filter).await.unwrap().for_at_most(PATIENCE);
    let mut tail = std::pin::pin!(tail.into_stream());
    for expected in [7, 8] {
        assert_eq!(tail.next().await.unwrap().unwrap().seq, expected);
    }
    database.callback(scan("f3", "passed")).await;
    database.project().await;
    assert_eq!(tail.next().await.unwrap().unwrap().resource_id.as_deref(), Some("f3"));
}

#[tokio::test]
async fn a_tail_without_a_start_returns_only_new_events_until_its_timeout() {
    let database = filled().await;
    let tail = database.reader().tail(EventFilter::default()).await.unwrap();
    let mut tail = tail.for_at_most(std::time::Duration::from_millis(50));
    assert!(tail.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_tail_finds_events_without_notifications() {
    let database = filled().await;
    let mut tail = database.reader().tail(EventFilter::default()).await.unwrap().for_at_most(PATIENCE);
    let (found, ()) = tokio::join!(tail.next(), async {
        // Written by hand: nothing is announced, as behind a pooler that passes no notification on.
        let sql = "insert into eqp.event (seq, account_id, kind, received_at, origin, explicit, applied)
                   select 100, min(id), 'unknown', now(), 'callback', false, false from eqp.account";
        sqlx::query(sql).execute(&database.pool).await.unwrap();
    });
    assert_eq!(found.unwrap().unwrap().seq, 100);
}
