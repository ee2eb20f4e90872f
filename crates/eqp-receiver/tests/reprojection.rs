//! Reprojection changes nothing if nothing has to change, and corrects wrong projections.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_receiver::{ReprojectScope, Reprojected, Reprojector};
use eqp_store::internal::{NewApiRead, Retention};
use eqp_store::{Disposition, ResourceKind};
use eqp_test_support::callbacks::{CallbackDatabase, file, first_form, later_form, package, scan, summaries};
use fastrand::Rng;
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Executor};
use time::OffsetDateTime;
use uuid::Uuid;

const EVER: ReprojectScope = ReprojectScope::Since(OffsetDateTime::UNIX_EPOCH);

fn one_of<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[rng.usize(..words.len())]
}

/// Generates a body about few resources, with few statuses and few seconds, so that all rows of the rule occur.
fn any_body(rng: &mut Rng) -> String {
    const OVERALL: [&str; 3] = ["draft", "in_progress", "approved"];
    const TECHNICAL: [&str; 4] = ["draft", "in_automation", "rejected", "approved"];
    const MARKETING: [&str; 3] = ["draft", "awaiting_marketing_review", "approved"];
    let resource = one_of(rng, &["s1", "s2", "s3"]);
    let flow = one_of(rng, &["technical", "marketing"]);
    match rng.usize(..12) {
        0 => scan(one_of(rng, &["f1", "f2"]), one_of(rng, &["passed", "pass", "failed"])),
        1 => "no json".to_owned(),
        2 => r#"{"callback_event": "a_new_one", "update_info": {}}"#.to_owned(),
        3 | 4 => first_form(resource, flow, one_of(rng, &TECHNICAL)),
        _ => {
            let states = [one_of(rng, &OVERALL), one_of(rng, &TECHNICAL), one_of(rng, &MARKETING)];
            later_form(resource, flow, states, rng.u8(..12))
        }
    }
}

/// An API read that could be stored. Some began before callbacks that were received.
fn any_read(database: &CallbackDatabase, rng: &mut Rng) -> NewApiRead {
    let states = [one_of(rng, &["draft", "in_progress"]), one_of(rng, &["rejected", "approved"]), "draft"];
    let mut read = if rng.usize(..4) == 0 {
        database.read(ResourceKind::File, file(one_of(rng, &["f1", "f2"]), one_of(rng, &["pass", "in-progress"])))
    } else {
        database.read(ResourceKind::Submission, package(one_of(rng, &["s1", "s2", "s3"]), states, rng.u8(..12)))
    };
    if rng.usize(..4) == 0 {
        read.began_at -= time::Duration::HOUR;
    }
    read.baseline = rng.usize(..4) == 0;
    read
}

/// Everything that projection writes, row by row.
async fn projected(database: &CallbackDatabase) -> Vec<String> {
    let tables = "
        select row_to_json(event)::text as row from eqp.event
        union all select row_to_json(track)::text from eqp.track
        union all select row_to_json(callback_disposition)::text from eqp.callback_disposition
        union all select row_to_json(api_read_disposition)::text from eqp.api_read_disposition
        union all select row_to_json(missing_callback)::text from eqp.missing_callback
        union all select row_to_json(projector)::text from eqp.projector
        order by row";
    sqlx::query_scalar(tables).fetch_all(&database.pool).await.unwrap()
}

/// Returns tracks and dispositions, without the numbers of tracks and events.
async fn states_and_dispositions(database: &CallbackDatabase) -> Vec<String> {
    let tables = "
        select (to_jsonb(track) - 'id' - 'event_seq')::text as row from eqp.track
        union all select row_to_json(callback_disposition)::text from eqp.callback_disposition
        union all select row_to_json(api_read_disposition)::text from eqp.api_read_disposition
        order by row";
    sqlx::query_scalar(tables).fetch_all(&database.pool).await.unwrap()
}

async fn reproject(database: &CallbackDatabase, scope: &ReprojectScope) -> Reprojected {
    Reprojector::new(database.pool.clone()).run(scope).await.unwrap()
}

async fn execute(database: &CallbackDatabase, sql: impl Into<String>) {
    database.pool.execute(AssertSqlSafe(sql.into())).await.unwrap();
}

/// Stores and projects many callbacks, in batches of random size, in another order than that of their IDs.
async fn play(database: &CallbackDatabase, rng: &mut Rng, count: usize) {
    let mut bodies: Vec<String> = (0..count).map(|_| any_body(rng)).collect();
    while !bodies.is_empty() {
        let batch = bodies.split_off(bodies.len() - 1 - rng.usize(..bodies.len().min(40)));
        database.callbacks(&batch).await;
        let reads: Vec<NewApiRead> = (0..rng.usize(..4)).map(|_| any_read(database, rng)).collect();
        database.reads(&reads).await;
        if rng.usize(..3) == 0 {
            // As with several receivers and a drained spool: the first callbacks are projected last.
            execute(
                database,
                "update eqp.callback_pending set callback_ids =
                     (select array_agg(id order by md5(id::text)) from unnest(callback_ids) as id)",
            )
            .await;
        }
        if rng.usize(..2) == 0 {
            database.project().await;
        }
    }
    database.project().await;
}

#[tokio::test]
async fn with_the_same_decoder_reprojection_changes_nothing() {
    for seed in 1..=6 {
        let database = CallbackDatabase::new().await;
        play(&database, &mut Rng::with_seed(seed), 250).await;
        let before = projected(&database).await;
        let done = reproject(&database, &EVER).await;
        assert_eq!(projected(&database).await, before, "seed {seed}");
        let reads: i64 =
            sqlx::query_scalar("select count(*) from eqp.api_read").fetch_one(&database.pool).await.unwrap();
        assert!(reads > 5, "seed {seed}: {reads}");
        let reports = 250 + usize::try_from(reads).unwrap();
        assert_eq!((done.callbacks, done.events_new, done.events_gone, done.skipped), (reports, 0, 0, 0), "{done:?}");
        assert!(done.resources >= 4 && done.events_kept > 20, "{done:?}");
        for resource in ["s1", "f1"] {
            let done = reproject(&database, &ReprojectScope::Resource(resource.to_owned())).await;
            assert_eq!((done.resources, done.events_new, done.events_gone), (1, 0, 0), "{done:?}");
        }
        assert_eq!(projected(&database).await, before, "seed {seed}");
    }
}

#[tokio::test]
async fn wrong_projections_are_corrected_and_other_events_keep_their_numbers() {
    for seed in 1..=3 {
        let database = CallbackDatabase::new().await;
        let mut rng = Rng::with_seed(seed);
        play(&database, &mut rng, 120).await;
        let right = (projected(&database).await.len(), states_and_dispositions(&database).await);
        let events = database.events().await;

        // As if an older decoder had misread every third callback, and an older rule had made other decisions.
        execute(
            &database,
            "delete from eqp.event where callback_id in
                 (select callback_id from eqp.callback_disposition where ordinal % 3 = 0);
             insert into eqp.event (seq, account_id, kind, received_at, origin, explicit, applied, reason, callback_id)
                 select 100000 + ordinal, (select min(id) from eqp.account), 'undecodable', now(), 'callback', false, false,
                        'an old decoder', callback_id
                 from eqp.callback_disposition where ordinal % 3 = 0;
             update eqp.callback_disposition
                 set disposition = 'undecodable', resource_kind = null, resource_id = null, content_digest = null,
                     duplicate_of = null
                 where ordinal % 3 = 0;
             update eqp.track set status = 'draft', ambiguous = true where id % 2 = 0;
             delete from eqp.track where id % 5 = 0;
             update eqp.projector set last_event_seq = 200000",
        )
        .await;
        let done = reproject(&database, &EVER).await;
        assert!(done.events_new > 0 && done.events_gone > 0 && done.events_kept > 0, "{done:?}");

        // The same history as if it had been right from the start, except for the numbers.
        let again = database.events().await;
        let without_numbers = |events: &[eqp_store::Event]| {
            let mut rows: Vec<String> = events
                .iter()
                .map(|event| {
                    let mut event = serde_json::to_value(event).unwrap();
                    event["seq"] = 0.into();
                    event.to_string()
                })
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(without_numbers(&again), without_numbers(&events), "seed {seed}");
        let kept_numbers = again.iter().filter(|event| event.seq <= 1000).all(|event| events.contains(event));
        assert!(kept_numbers && again.iter().any(|event| event.seq > 200_000), "new ones come after all others");
        assert_eq!((projected(&database).await.len(), states_and_dispositions(&database).await), right, "seed {seed}");
        let before = projected(&database).await;
        reproject(&database, &EVER).await;
        assert_eq!(projected(&database).await, before, "a second time changes nothing");
    }
}

#[tokio::test]
async fn a_dry_run_reports_the_same_and_changes_nothing() {
    let database = CallbackDatabase::new().await;
    database.callback(first_form("s1", "technical", "in_automation")).await;
    database.callback(first_form("s1", "technical", "approved")).await;
    database.project().await;
    execute(&database, "update eqp.event set disposition = 'late' where status = 'approved'").await;
    let before = projected(&database).await;
    let would = Reprojector::new(database.pool.clone()).dry_run(true).run(&EVER).await.unwrap();
    assert_eq!(projected(&database).await, before);
    assert_eq!((would.events_kept, would.events_new, would.events_gone), (1, 1, 1));
    assert_eq!(reproject(&database, &EVER).await, would);
    let events = database.events().await;
    assert_eq!(
        events.iter().map(|event| (event.seq, event.disposition)).collect::<Vec<_>>(),
        [(1, Some(Disposition::Applied)), (3, Some(Disposition::Applied))]
    );
}

#[tokio::test]
async fn a_database_error_is_returned_and_changes_nothing() {
    let database = CallbackDatabase::new().await;
    database.callback(first_form("s1", "technical", "approved")).await;
    database.callback("no json").await;
    database.project().await;
    execute(
        &database,
        "update eqp.event set disposition = 'late' where status = 'approved';
         create sequence eqp.tries;
         create function eqp.fails_once() returns trigger language plpgsql as $$ begin
             if nextval('eqp.tries') = 1 then raise exception 'not now' using errcode = 'XX000'; end if;
             return new;
         end $$;
         create trigger fails_once before insert on eqp.event for each row execute function eqp.fails_once()",
    )
    .await;
    let before = projected(&database).await;
    let error = Reprojector::new(database.pool.clone()).run(&EVER).await.unwrap_err();
    assert!(matches!(error, eqp_store::Error::Database(_)), "{error:?}");
    assert_eq!(projected(&database).await, before);
    assert_eq!(reproject(&database, &EVER).await.events_new, 1, "the next time it is well");
}

#[tokio::test]
async fn older_callbacks_are_reprojected_only_with_newer_ones_of_their_resource() {
    let database = CallbackDatabase::new().await;
    let day = time::Duration::DAY;
    let now = OffsetDateTime::now_utc();
    database.callbacks_of(now - 9 * day, &[first_form("old", "technical", "approved")]).await;
    database.callbacks_of(now - 9 * day, &[first_form("both", "technical", "in_automation")]).await;
    database.callbacks_of(now, &[first_form("both", "technical", "approved")]).await;
    database.project().await;
    execute(&database, "update eqp.event set disposition = 'late'").await;
    let done = reproject(&database, &ReprojectScope::Since(now - day)).await;
    assert_eq!((done.resources, done.callbacks, done.events_new), (1, 2, 2), "{done:?}");
    let events = database.events().await;
    assert_eq!(
        summaries(&events),
        [
            ("technical".to_owned(), "approved".to_owned(), "late"),
            ("technical".to_owned(), "in_automation".to_owned(), "applied"),
            ("technical".to_owned(), "approved".to_owned(), "applied"),
        ]
    );
}

#[tokio::test]
async fn a_resource_with_deleted_callbacks_is_skipped_and_keeps_its_history() {
    let database = CallbackDatabase::new().await;
    let now = OffsetDateTime::now_utc();
    database.callbacks_of(now - time::Duration::days(500), &[first_form("s1", "technical", "in_automation")]).await;
    database.callback(first_form("s1", "technical", "approved")).await;
    database.callback(first_form("s2", "technical", "approved")).await;
    database.project().await;
    Retention::new(database.pool.clone()).delete_before(now - time::Duration::days(400)).await.unwrap();
    let before = projected(&database).await;
    let done = reproject(&database, &EVER).await;
    assert_eq!((done.resources, done.skipped), (1, 1), "{done:?}");
    assert_eq!(projected(&database).await, before);
}

#[tokio::test]
async fn a_callback_that_postgres_rejected_stays_undecodable() {
    let database = CallbackDatabase::new().await;
    let trap = "create function eqp.trap() returns trigger language plpgsql as $$ begin
                    if new.status = 'unstorable' then raise exception 'unstorable' using errcode = '22000'; end if;
                    return new;
                end $$;
                create trigger trap before insert on eqp.event for each row execute function eqp.trap()";
    execute(&database, trap).await;
    database.callbacks(&[first_form("s1", "technical", "approved"), first_form("s1", "technical", "unstorable")]).await;
    database.project().await;
    let before = projected(&database).await;
    assert_eq!(reproject(&database, &EVER).await.callbacks, 2);
    assert_eq!(projected(&database).await, before);
}

#[tokio::test]
async fn a_report_that_moves_to_another_resource_leaves_nothing_behind() {
    let database = CallbackDatabase::new().await;
    database.callback(first_form("s1", "technical", "in_automation")).await;
    database.callback(first_form("s1", "technical", "approved")).await;
    database.project().await;
    let right = states_and_dispositions(&database).await;
    // As if an older decoder had read another submission's ID.
    execute(
        &database,
        "update eqp.event set resource_id = 's9'; update eqp.track set resource_id = 's9';
         update eqp.callback_disposition set resource_id = 's9'",
    )
    .await;
    let done = reproject(&database, &EVER).await;
    assert_eq!((done.callbacks, done.events_new, done.events_gone), (2, 2, 2), "{done:?}");
    assert_eq!(states_and_dispositions(&database).await, right);
}

#[tokio::test]
async fn readers_are_notified_of_new_events() {
    let database = CallbackDatabase::new().await;
    database.callback(first_form("s1", "technical", "approved")).await;
    database.project().await;
    let mut bell = PgListener::connect_with(&database.pool).await.unwrap();
    bell.listen("eqp_events").await.unwrap();
    reproject(&database, &EVER).await;
    execute(&database, "notify eqp_events, 'nothing was new'; update eqp.event set disposition = 'late'").await;
    reproject(&database, &EVER).await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let rings = tokio::time::timeout(eqp_test_support::callbacks::PATIENCE, bell.recv()).await.expect("it rings");
        heard.push(rings.unwrap().payload().to_owned());
    }
    assert_eq!((heard.len(), heard[0].as_str()), (2, "nothing was new"));
    assert!(heard[1].parse::<i64>().is_ok(), "{heard:?}");
}

#[tokio::test]
async fn callbacks_that_come_meanwhile_are_projected_after_it() {
    let database = CallbackDatabase::new().await;
    database.callback(first_form("s1", "technical", "in_automation")).await;
    database.project().await;
    let pending = database.callback(first_form("s1", "technical", "approved")).await;
    let done = reproject(&database, &ReprojectScope::Resource("s1".to_owned())).await;
    assert_eq!((done.callbacks, done.events_kept), (1, 1), "one that is pending is not its affair");
    database.project().await;
    let events = database.events().await;
    assert_eq!(events.iter().map(|event| event.callback_id == Some(pending)).collect::<Vec<_>>(), [false, true]);
    let ids: Vec<Uuid> = sqlx::query_scalar("select callback_id from eqp.callback_disposition order by ordinal")
        .fetch_all(&database.pool)
        .await
        .unwrap();
    assert_eq!(ids.last(), Some(&pending));
}
