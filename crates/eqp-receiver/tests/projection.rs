//! Every stored callback is projected exactly once: into events, or as a duplicate, unknown or undecodable.

use eqp_store::{CallbackDisposition, Disposition, EventFilter, EventKind, SubmissionFilter};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, first_form, later_form, scan, summaries};
use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_two_callbacks_of_the_documentation_become_events() {
    let database = CallbackDatabase::new().await;
    database
        .callback(
            r#"{
    "callback_event": "malware_scan_complete",
    "update_info": {
        "file_upload_id": "2309480238.238475.0",
        "tool_result": "passed"
    }
}"#,
        )
        .await;
    database
        .callback(
            r#"{
    "callback_event": "eqp_status_update",
    "update_info": {
        "submission_id": "s5w9k703ru",
        "item_id": "user_upload_version_1",
        "eqp_flow": "marketing",
        "current_status": "approved"
    }
}"#,
        )
        .await;
    assert_eq!(database.project().await, 2);

    let events = database.events().await;
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.seq, event.kind, event.resource_id.as_deref().unwrap(), event.item_id.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            (1, EventKind::File, "2309480238.238475.0", None),
            (2, EventKind::Submission, "s5w9k703ru", Some("user_upload_version_1"))
        ]
    );
    let applied = Disposition::Applied.as_str();
    assert_eq!(
        summaries(&events),
        [("malware".into(), "passed".into(), applied), ("marketing".into(), "approved".into(), applied)]
    );
    assert!(events.iter().all(|event| event.explicit && event.applied && event.modified_at.is_none()));
    assert_eq!(events[0].mage_id.as_str(), "MAG123456789");
}

#[tokio::test]
async fn a_release_is_an_event_of_the_overall_flow() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "marketing", ["approved", "approved", "approved"], 1)).await;
    database.callback(later_form("s1", "marketing", ["released_to_store", "approved", "approved"], 2)).await;
    database.project().await;
    let released = EventFilter { status: Some("released_to_store".into()), ..EventFilter::default() };
    let events = database.reader().events(&released).await.unwrap();
    assert_eq!(summaries(&events), [("overall".into(), "released_to_store".into(), "applied")]);
    assert!(events[0].applied && !events[0].explicit);
    assert_eq!(database.events().await.len(), 4, "nothing else is new in the second callback");
}

#[tokio::test]
async fn duplicates_are_stored_counted_and_linked_to_the_first_callback() {
    let database = CallbackDatabase::new().await;
    let approved = later_form("s1", "technical", ["in_progress", "approved", "draft"], 1);
    let first = database.callback(&approved).await;
    let twin = database.callback(&approved).await;
    database.project().await;
    // After a restart, in another spelling of white space, and in the other format.
    let later = database.callback(approved.replace(": ", ":")).await;
    let other_form = database.callback(first_form("s1", "technical", "approved")).await;
    database.project().await;

    let counts = database.reader().counts(None).await.unwrap();
    assert_eq!((counts.callbacks_received, counts.events, counts.duplicates, counts.pending), (4, 3, 3, 0));
    let copies: Vec<_> = database.reader().duplicates(first).await.unwrap().into_iter().map(|copy| copy.id).collect();
    assert_eq!(copies, [twin, later, other_form]);
    let detail = database.reader().event(1).await.unwrap().unwrap();
    assert_eq!(detail.duplicates.len(), 3);
    assert_eq!(detail.callback.unwrap().body, approved.as_bytes());
    let copy = database.reader().callback(later).await.unwrap().unwrap();
    assert_eq!((copy.disposition, copy.duplicate_of), (Some(CallbackDisposition::Duplicate), Some(first)));
}

#[tokio::test]
async fn a_late_report_is_recorded_and_changes_no_status() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", ["in_progress", "in_automation", "draft"], 1)).await;
    database.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 9)).await;
    database.project().await;
    database.callback(later_form("s1", "technical", ["in_progress", "in_manual_qa", "draft"], 5)).await;
    database.project().await;
    assert_eq!(summaries(&database.events().await[4..]), [("technical".into(), "in_manual_qa".into(), "late")]);
    let submission = &database.reader().submissions(&SubmissionFilter::default()).await.unwrap()[0];
    assert_eq!(submission.technical.as_deref(), Some("approved"));
    assert_eq!(database.reader().counts(None).await.unwrap().late, 1);
}

#[tokio::test]
async fn an_ambiguous_status_is_marked_until_a_later_callback_resolves_it() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", ["in_progress", "in_automation", "draft"], 1)).await;
    database.project().await;
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1)).await;
    database.project().await;
    assert_eq!(summaries(&database.events().await[3..]), [("technical".into(), "rejected".into(), "ambiguous")]);
    let ambiguous = SubmissionFilter { ambiguous: Some(true), ..SubmissionFilter::default() };
    assert_eq!(database.reader().submissions(&ambiguous).await.unwrap()[0].technical.as_deref(), Some("rejected"));

    database.callback(later_form("s1", "technical", ["in_progress", "in_automation", "draft"], 2)).await;
    database.project().await;
    assert!(database.reader().submissions(&ambiguous).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_submission_is_listed_as_ambiguous_even_without_an_ambiguous_event() {
    let database = CallbackDatabase::new().await;
    let states = |technical, marketing| ["in_progress", technical, marketing];
    database.callback(later_form("s1", "technical", states("in_automation", "draft"), 1)).await;
    database.callback(later_form("s1", "technical", states("approved", "draft"), 2)).await;
    // In the same second, and still with the technical status from before.
    database.callback(later_form("s1", "marketing", states("in_automation", "draft"), 2)).await;
    database.project().await;
    let events = database.events().await;
    assert!(events.iter().all(|event| event.disposition == Some(Disposition::Applied)), "{events:?}");
    let ambiguous = SubmissionFilter { ambiguous: Some(true), ..SubmissionFilter::default() };
    let listed = database.reader().submissions(&ambiguous).await.unwrap();
    assert_eq!(listed.iter().map(|submission| submission.technical.as_deref()).collect::<Vec<_>>(), [Some("approved")]);
}

#[tokio::test]
async fn the_newest_item_id_is_shown_everywhere_not_the_one_that_sorts_last() {
    let database = CallbackDatabase::new().await;
    let body = later_form("s1", "technical", ["in_progress", "approved", "draft"], 1);
    database.callback(body.replace("item-s1", "z-old")).await;
    database.project().await;
    // The same report again, except for the item_id.
    database.callback(body.replace("item-s1", "a-new")).await;
    database.project().await;
    let submissions = database.reader().submissions(&SubmissionFilter::default()).await.unwrap();
    assert_eq!(submissions[0].item_id.as_deref(), Some("a-new"));
    assert!(database.events().await.iter().all(|event| event.item_id.as_deref() == Some("a-new")));
    for (item_id, found) in [("a-new", 1), ("z-old", 0)] {
        let filter = SubmissionFilter { item_id: Some(item_id.to_owned()), ..SubmissionFilter::default() };
        assert_eq!(database.reader().submissions(&filter).await.unwrap().len(), found, "{item_id}");
    }
}

#[tokio::test]
async fn the_time_of_a_doubtful_clock_is_stored_and_orders_nothing() {
    let database = CallbackDatabase::new().await;
    let report = |status, time: &str| {
        later_form("s1", "technical", ["in_progress", status, "draft"], 21).replace("2022-08-25 19:20:21", time)
    };
    let received_at = time::macros::datetime!(2026-11-29 12:00:00 UTC);
    let bodies = [
        report("in_automation", "2026-12-01 12:00:01"),
        report("in_automation", "2026-12-01 12:00:01"),
        report("approved", "2026-11-29 11:00:00"),
        report("rejected", "2026-12-01 12:00:00"),
        // The same time and status as the first, which the unique key of events must not prevent.
        report("in_automation", "2026-12-01 12:00:01").replace("draft", "approved"),
    ];
    database.callbacks_of(received_at, &bodies).await;
    database.project().await;
    let technical = EventFilter { flow: Some("technical".into()), ..EventFilter::default() };
    let mut events = database.reader().events(&technical).await.unwrap();
    events.reverse();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.status.as_deref().unwrap(), event.modified_at.unwrap().to_string(), event.clock_doubtful))
        .collect();
    let expected = [
        ("in_automation", "2026-12-01 12:00:01", true),
        ("approved", "2026-11-29 11:00:00", false),
        ("rejected", "2026-12-01 12:00:00", false),
        ("in_automation", "2026-12-01 12:00:01", true),
    ];
    assert_eq!(seen, expected.map(|(status, time, doubtful)| (status, time.to_owned(), doubtful)));
    assert!(events.iter().all(|event| event.disposition == Some(Disposition::Applied) && event.applied));
    assert_eq!(database.reader().counts(None).await.unwrap().undecodable, 0);
}

#[tokio::test]
async fn lists_are_filtered_by_a_status_in_any_spelling() {
    let database = CallbackDatabase::new().await;
    let body = later_form("s1", "technical", ["IN_PROGRESS", " Approved", "draft"], 1);
    database.callback(body.replace("\"technical\",", "\"Technical \",")).await;
    database.callback(scan("f1", "PASS")).await;
    database.project().await;
    for outcome in ["APPROVED", " approved", "approved"] {
        let filter = EventFilter { status: Some(outcome.to_owned()), ..EventFilter::default() };
        assert_eq!(database.reader().events(&filter).await.unwrap().len(), 1, "{outcome}");
        let filter = SubmissionFilter { technical: Some(outcome.to_owned()), ..SubmissionFilter::default() };
        assert_eq!(database.reader().submissions(&filter).await.unwrap().len(), 1, "{outcome}");
    }
    let filter = EventFilter { status: Some("Pass".to_owned()), ..EventFilter::default() };
    assert_eq!(database.reader().events(&filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_rejection_after_a_missed_resubmission_is_new() {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1)).await;
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 5)).await;
    database.project().await;
    let events = database.events().await;
    assert_eq!(summaries(&events[3..]), [("technical".into(), "rejected".into(), "reentered")]);
    assert_eq!(events[3].modified_at.unwrap().to_string(), "2022-08-25 19:20:05");
}

#[tokio::test]
async fn undecodable_callbacks_are_stored_counted_and_shown() {
    let database = CallbackDatabase::new().await;
    let nul = "{\"callback_event\": \"malware_scan_complete\", \
         \"update_info\": {\"file_upload_id\": \"a\\u0000\", \"tool_result\": \"passed\"}}";
    let long_id = scan(&"x".repeat(256), "passed");
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (nul.into(), "control character"),
        (b"\xff\xfe{}".to_vec(), "not UTF-8"),
        (b"[".repeat(100_000), "not JSON"),
        (br#"{"callback_event": "eqp_status_update"}"#.to_vec(), "`update_info`"),
        (b"".to_vec(), "not JSON"),
        (long_id.into(), "longer than 255 bytes"),
    ];
    for (body, _) in &bodies {
        database.callback(body).await;
    }
    database.callback(r#"{"callback_event": "store\u0000_moved", "update_info": {"to": "mars"}}"#).await;
    database.callback(scan("good", "passed")).await;
    database.project().await;

    let counts = database.reader().counts(None).await.unwrap();
    assert_eq!((counts.undecodable, counts.unknown, counts.events, counts.pending), (6, 1, 1, 0));
    let events = database.events().await;
    for (event, (body, why)) in events.iter().zip(&bodies) {
        assert_eq!(event.kind, EventKind::Undecodable);
        assert!(event.reason.as_ref().unwrap().contains(why), "{:?}", event.reason);
        let detail = database.reader().event(event.seq).await.unwrap().unwrap();
        assert_eq!(&detail.callback.unwrap().body, body, "byte for byte");
    }
    assert_eq!((events[6].kind, events[6].reason.as_deref()), (EventKind::Unknown, Some(r"store\u{0}_moved")));
    assert_eq!(events[7].kind, EventKind::File);
}

#[tokio::test]
async fn a_callback_that_postgres_refuses_costs_only_itself() {
    let database = CallbackDatabase::new().await;
    sqlx::raw_sql("alter table eqp.track add constraint no_unstorable check (resource_id <> 'unstorable')")
        .execute(&database.pool)
        .await
        .unwrap();
    let mut bodies: Vec<String> = (0..50).map(|n| scan(&format!("file-{n}"), "passed")).collect();
    bodies.insert(17, scan("unstorable", "passed"));
    bodies.insert(40, scan("unstorable", "failed"));
    let ids = database.callbacks(&bodies).await;
    database.project().await;

    let counts = database.reader().counts(None).await.unwrap();
    assert_eq!((counts.events, counts.undecodable, counts.pending), (50, 2, 0));
    let events = database.events().await;
    let order: Vec<_> = events.iter().map(|event| event.callback_id.unwrap()).collect();
    assert_eq!(order, ids, "in the order of the queue, without a gap");
    assert_eq!(events.last().unwrap().seq, 52);
    assert!(events[17].reason.as_ref().unwrap().contains("no_unstorable"), "{:?}", events[17].reason);
}

#[tokio::test]
async fn a_projector_that_dies_in_a_batch_leaves_no_partial_result() {
    let database = CallbackDatabase::new().await;
    let bodies: Vec<String> = (0..100).map(|n| scan(&format!("file-{n}"), "passed")).collect();
    database.callbacks(&bodies).await;
    // The projector has already written tracks and events when it waits for this table.
    let mut obstacle = database.pool.begin().await.unwrap();
    sqlx::raw_sql("lock table eqp.callback_disposition in exclusive mode").execute(&mut *obstacle).await.unwrap();
    let projector = database.projector();
    let work = tokio::spawn(async move { projector.drain().await });
    let is_stuck = "select count(*) from pg_stat_activity where datname = current_database()
                    and wait_event_type = 'Lock' and query like '%callback_disposition%'";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while sqlx::query_scalar::<_, i64>(is_stuck).fetch_one(&database.pool).await.unwrap() == 0 {
        assert!(tokio::time::Instant::now() < deadline, "the projector waits for the lock");
        tokio::task::yield_now().await;
    }
    assert!(database.events().await.is_empty(), "nothing shows before the commit");
    work.abort();
    assert!(work.await.is_err());
    obstacle.rollback().await.unwrap();

    // The lock of the ended connection is released when Postgres has noticed its end; until then there is another
    // leader.
    while database.reader().counts(None).await.unwrap().pending > 0 {
        assert!(tokio::time::Instant::now() < deadline, "another projector takes over");
        database.project().await;
    }
    let events = database.events().await;
    assert_eq!(events.len(), 100);
    assert_eq!(events.last().unwrap().seq, 100, "numbers of what was undone are given again");
}

#[tokio::test]
async fn projectors_side_by_side_project_each_callback_once_and_one_takes_over_from_the_other() {
    let database = CallbackDatabase::new().await;
    let tokens = [CancellationToken::new(), CancellationToken::new()];
    let runs: Vec<_> = tokens.iter().map(|token| tokio::spawn(database.projector().run(token.clone()))).collect();
    let mut tail = database
        .reader()
        .tail(EventFilter { after_seq: Some(0), ..EventFilter::default() })
        .await
        .unwrap()
        .for_at_most(PATIENCE);
    for round in 0..20_i64 {
        let bodies: Vec<String> = (0..10).map(|n| scan(&format!("file-{round}-{n}"), "passed")).collect();
        database.callbacks(&bodies).await;
        if round == 10 {
            tokens[0].cancel();
        }
        for seq in 1..=10 {
            assert_eq!(tail.next().await.unwrap().expect("in time").seq, round * 10 + seq);
        }
    }
    tokens[1].cancel();
    for run in runs {
        run.await.unwrap();
    }
    assert_eq!(database.events().await.len(), 200);
}

#[tokio::test]
async fn readers_are_notified_of_new_events_and_not_of_duplicates() {
    let database = CallbackDatabase::new().await;
    let mut bell = PgListener::connect_with(&database.pool).await.unwrap();
    bell.listen("eqp_events").await.unwrap();
    for (file, afterwards) in [("a", "one"), ("a", "nothing new"), ("b", "another")] {
        database.callback(scan(file, "passed")).await;
        database.project().await;
        sqlx::query("select pg_notify('eqp_events', $1)").bind(afterwards).execute(&database.pool).await.unwrap();
    }
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "another") {
        let rings = tokio::time::timeout(PATIENCE, bell.recv()).await.expect("it rings");
        heard.push(rings.unwrap().payload().to_owned());
    }
    assert_eq!(heard, ["1", "one", "nothing new", "2", "another"]);
}

#[tokio::test]
async fn a_stalled_leader_is_replaced_by_another_projector() {
    let database = CallbackDatabase::new().await;
    database.callback(scan("file", "passed")).await;
    // As a frozen process appears to Postgres: it is the leader, and idle in its transaction.
    let mut frozen = database.pool.begin().await.unwrap();
    sqlx::query("select * from eqp.projector for update").execute(&mut *frozen).await.unwrap();
    assert_eq!(database.project().await, 0, "it leads");
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(database.projector().run(shutdown.clone()));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while database.reader().counts(None).await.unwrap().pending > 0 {
        assert!(tokio::time::Instant::now() < deadline, "another projector takes over");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(sqlx::query("select 1").execute(&mut *frozen).await.is_err(), "its connection was ended");
    shutdown.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn database_errors_without_a_bad_callback_make_none_undecodable() {
    let database = CallbackDatabase::new().await;
    database
        .pool
        .execute(
            "create function eqp.refuses() returns trigger language plpgsql as $$ begin
                 if new.status = 'unstorable' then raise exception 'bad' using errcode = '22000'; end if;
                 if new.status = 'stuck' then raise exception 'not today' using errcode = 'XX000'; end if;
                 return new;
             end $$;
             create trigger refuses before insert on eqp.event for each row execute function eqp.refuses()",
        )
        .await
        .unwrap();
    let body = |outcome: &str| first_form(&format!("of-{outcome}"), "technical", outcome);
    database.callbacks(&[body("approved"), body("unstorable"), body("rejected"), body("stuck")]).await;
    assert!(database.projector().drain().await.is_err());
    assert!(database.events().await.is_empty(), "all or nothing");
    database
        .pool
        .execute(
            "create or replace function eqp.refuses() returns trigger language plpgsql as $$ begin
                 if new.status = 'unstorable' then raise exception 'bad' using errcode = '22000'; end if;
                 return new;
             end $$",
        )
        .await
        .unwrap();
    assert_eq!(database.project().await, 4);
    let seen: Vec<_> = database.events().await.into_iter().map(|event| event.status).collect();
    let status = |outcome: &str| Some(outcome.to_owned());
    assert_eq!(seen, [status("approved"), None, status("rejected"), status("stuck")]);
}

#[tokio::test]
async fn transient_errors_are_returned_and_isolate_no_callback() {
    let database = CallbackDatabase::new().await;
    database
        .pool
        .execute(
            "create sequence eqp.tries;
             create function eqp.fails_once() returns trigger language plpgsql as $$ begin
                 if nextval('eqp.tries') = 1 then raise exception 'not now' using errcode = 'XX000'; end if;
                 return new;
             end $$;
             create trigger fails_once before insert on eqp.event for each row execute function eqp.fails_once()",
        )
        .await
        .unwrap();
    database.callback(scan("file", "passed")).await;
    assert!(database.projector().drain().await.is_err());
    assert_eq!(database.project().await, 1);
    assert_eq!(database.reader().counts(None).await.unwrap().events, 1);
}

#[tokio::test]
async fn a_long_queue_of_small_and_large_commits_is_projected_in_order() {
    let database = CallbackDatabase::new().await;
    let mut ids = Vec::new();
    for round in 0..12 {
        let bodies: Vec<String> = (0..450).map(|n| scan(&format!("file-{round}-{n}"), "passed")).collect();
        ids.extend(database.callbacks(&bodies).await);
        for n in 0..3 {
            ids.push(database.callback(scan(&format!("alone-{round}-{n}"), "failed")).await);
        }
    }
    assert_eq!(database.project().await, ids.len());
    let order: Vec<_> = database.events().await.iter().map(|event| event.callback_id.unwrap()).collect();
    assert_eq!(order, ids);
}

#[tokio::test]
async fn projection_needs_no_full_table_scan() {
    let database = CallbackDatabase::new().await;
    // Fresh tables without statistics, with enough rows that a scan seems cheap.
    let batch = |second| {
        let of = move |n| later_form(&format!("s{n}"), "technical", ["in_progress", "approved", "draft"], second);
        (0..2000).map(of).collect::<Vec<_>>()
    };
    for second in [9, 3, 9] {
        database.callbacks(&batch(second)).await;
        database.project().await;
    }
    // Not the number of scans, because creating an index on an empty table counts as one.
    let look = "select sum(seq_tup_read)::bigint, sum(idx_scan)::bigint, sum(idx_tup_fetch)::bigint
                from pg_stat_user_tables
                where schemaname = 'eqp' and relname in ('callback', 'track', 'event', 'callback_disposition')";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let (rows_scanned, lookups, rows_found) = loop {
        let seen: (i64, i64, i64) = sqlx::query_as(look).fetch_one(&database.pool).await.unwrap();
        // The statistics of a connection arrive some time after its work.
        if seen.1 > 30_000 {
            break seen;
        }
        assert!(tokio::time::Instant::now() < deadline, "look-ups are counted: {seen:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(rows_scanned, 0);
    assert!(rows_found < lookups * 3, "each look-up finds a few rows: {rows_found} in {lookups}");
}
