//! Projecting again: nothing changes where nothing should, and what was wrong comes out right.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod kept;

use eqp_receiver::{Mark, ReprojectScope, Reprojected, Reprojector, Retention};
use fastrand::Rng;
use kept::{Kept, first_form, later_form, scan, told};
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Executor};
use time::OffsetDateTime;
use uuid::Uuid;

const EVER: ReprojectScope = ReprojectScope::Since(OffsetDateTime::UNIX_EPOCH);

fn one_of<'a>(chance: &mut Rng, words: &[&'a str]) -> &'a str {
    words[chance.usize(..words.len())]
}

/// Something that could be sent: of few subjects, few outcomes and few seconds, so that all rows of the rule occur.
fn any_body(chance: &mut Rng) -> String {
    const OVERALL: [&str; 3] = ["draft", "in_progress", "approved"];
    const TECHNICAL: [&str; 4] = ["draft", "in_automation", "rejected", "approved"];
    const MARKETING: [&str; 3] = ["draft", "awaiting_marketing_review", "approved"];
    let subject = one_of(chance, &["s1", "s2", "s3"]);
    let flow = one_of(chance, &["technical", "marketing"]);
    match chance.usize(..12) {
        0 => scan(one_of(chance, &["f1", "f2"]), one_of(chance, &["passed", "pass", "failed"])),
        1 => "no json".to_owned(),
        2 => r#"{"callback_event": "a_new_one", "update_info": {}}"#.to_owned(),
        3 | 4 => first_form(subject, flow, one_of(chance, &TECHNICAL)),
        _ => {
            let states = [one_of(chance, &OVERALL), one_of(chance, &TECHNICAL), one_of(chance, &MARKETING)];
            later_form(subject, flow, states, chance.u8(..12))
        }
    }
}

/// All that projection writes, row by row.
async fn projected(kept: &Kept) -> Vec<String> {
    let tables = "
        select row_to_json(event)::text as row from eqp.event
        union all select row_to_json(track)::text from eqp.track
        union all select row_to_json(callback_outcome)::text from eqp.callback_outcome
        union all select row_to_json(projector)::text from eqp.projector
        order by row";
    sqlx::query_scalar(tables).fetch_all(&kept.pool).await.unwrap()
}

/// The state and what became of each callback, but for the numbers of tracks and events.
async fn states_and_outcomes(kept: &Kept) -> Vec<String> {
    let tables = "
        select (to_jsonb(track) - 'id' - 'event_seq')::text as row from eqp.track
        union all select row_to_json(callback_outcome)::text from eqp.callback_outcome
        order by row";
    sqlx::query_scalar(tables).fetch_all(&kept.pool).await.unwrap()
}

async fn reproject(kept: &Kept, scope: &ReprojectScope) -> Reprojected {
    Reprojector::new(kept.pool.clone()).run(scope).await.unwrap()
}

async fn execute(kept: &Kept, sql: impl Into<String>) {
    kept.pool.execute(AssertSqlSafe(sql.into())).await.unwrap();
}

/// Keeps and projects many callbacks, in batches of chance size, in another order than that of their ids.
async fn play(kept: &Kept, chance: &mut Rng, count: usize) {
    let mut bodies: Vec<String> = (0..count).map(|_| any_body(chance)).collect();
    while !bodies.is_empty() {
        let batch = bodies.split_off(bodies.len() - 1 - chance.usize(..bodies.len().min(40)));
        kept.callbacks(&batch).await;
        if chance.usize(..3) == 0 {
            // As several receivers and a drained spool do it: what came first is projected last.
            execute(
                kept,
                "update eqp.callback_pending set callback_ids =
                     (select array_agg(id order by md5(id::text)) from unnest(callback_ids) as id)",
            )
            .await;
        }
        if chance.usize(..2) == 0 {
            kept.project().await;
        }
    }
    kept.project().await;
}

#[tokio::test]
async fn with_the_same_decoder_nothing_changes_whatever_came_in_whatever_order() {
    for seed in 1..=6 {
        let kept = Kept::new().await;
        play(&kept, &mut Rng::with_seed(seed), 250).await;
        let before = projected(&kept).await;
        let done = reproject(&kept, &EVER).await;
        assert_eq!(projected(&kept).await, before, "seed {seed}");
        assert_eq!((done.callbacks, done.events_new, done.events_gone, done.passed_over), (250, 0, 0, 0), "{done:?}");
        assert!(done.subjects >= 4 && done.events_kept > 20, "{done:?}");
        for subject in ["s1", "f1"] {
            let done = reproject(&kept, &ReprojectScope::Subject(subject.to_owned())).await;
            assert_eq!((done.subjects, done.events_new, done.events_gone), (1, 0, 0), "{done:?}");
        }
        assert_eq!(projected(&kept).await, before, "seed {seed}");
    }
}

#[tokio::test]
async fn what_was_projected_wrongly_comes_out_right_and_the_rest_keeps_its_numbers() {
    for seed in 1..=3 {
        let kept = Kept::new().await;
        let mut chance = Rng::with_seed(seed);
        play(&kept, &mut chance, 120).await;
        let right = (projected(&kept).await.len(), states_and_outcomes(&kept).await);
        let events = kept.events().await;

        // As if an older decoder had mistaken every third callback, and an older rule some marks and states.
        execute(
            &kept,
            "delete from eqp.event where callback_id in
                 (select callback_id from eqp.callback_outcome where ordinal % 3 = 0);
             insert into eqp.event (seq, account_id, kind, received_at, origin, named, moved, reason, callback_id)
                 select 100000 + ordinal, (select min(id) from eqp.account), 'undecodable', now(), 'callback', false, false,
                        'an old decoder', callback_id
                 from eqp.callback_outcome where ordinal % 3 = 0;
             update eqp.callback_outcome
                 set kind = 'undecodable', verdict = 'undecodable', subject = null, said = null, copy_of = null,
                     modified_at = null
                 where ordinal % 3 = 0;
             update eqp.track set outcome = 'draft', tied = true where id % 2 = 0;
             delete from eqp.track where id % 5 = 0;
             update eqp.projector set last_event_seq = 200000",
        )
        .await;
        let done = reproject(&kept, &EVER).await;
        assert!(done.events_new > 0 && done.events_gone > 0 && done.events_kept > 0, "{done:?}");

        // The same history as if it had been right from the start, but for the numbers.
        let again = kept.events().await;
        let without_numbers = |events: &[eqp_receiver::Event]| {
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
        assert_eq!((projected(&kept).await.len(), states_and_outcomes(&kept).await), right, "seed {seed}");
        let before = projected(&kept).await;
        reproject(&kept, &EVER).await;
        assert_eq!(projected(&kept).await, before, "a second time changes nothing");
    }
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_changes_nothing() {
    let kept = Kept::new().await;
    kept.callback(first_form("s1", "technical", "in_automation")).await;
    kept.callback(first_form("s1", "technical", "approved")).await;
    kept.project().await;
    execute(&kept, "update eqp.event set mark = 'late' where outcome = 'approved'").await;
    let before = projected(&kept).await;
    let would = Reprojector::new(kept.pool.clone()).dry_run(true).run(&EVER).await.unwrap();
    assert_eq!(projected(&kept).await, before);
    assert_eq!((would.events_kept, would.events_new, would.events_gone), (1, 1, 1));
    assert_eq!(reproject(&kept, &EVER).await, would);
    let events = kept.events().await;
    assert_eq!(
        events.iter().map(|event| (event.seq, event.mark)).collect::<Vec<_>>(),
        [(1, Mark::None), (3, Mark::None)]
    );
}

#[tokio::test]
async fn a_failure_of_the_database_is_told_and_changes_nothing() {
    let kept = Kept::new().await;
    kept.callback(first_form("s1", "technical", "approved")).await;
    kept.callback("no json").await;
    kept.project().await;
    execute(
        &kept,
        "update eqp.event set mark = 'late' where outcome = 'approved';
         create sequence eqp.tries;
         create function eqp.fails_once() returns trigger language plpgsql as $$ begin
             if nextval('eqp.tries') = 1 then raise exception 'not now' using errcode = 'XX000'; end if;
             return new;
         end $$;
         create trigger fails_once before insert on eqp.event for each row execute function eqp.fails_once()",
    )
    .await;
    let before = projected(&kept).await;
    let error = Reprojector::new(kept.pool.clone()).run(&EVER).await.unwrap_err();
    assert!(matches!(error, eqp_receiver::Error::Database(_)), "{error:?}");
    assert_eq!(projected(&kept).await, before);
    assert_eq!(reproject(&kept, &EVER).await.events_new, 1, "the next time it is well");
}

#[tokio::test]
async fn what_arrived_before_the_given_time_is_left_alone_unless_its_subject_has_gone_on() {
    let kept = Kept::new().await;
    let day = time::Duration::DAY;
    let now = OffsetDateTime::now_utc();
    kept.callbacks_of(now - 9 * day, &[first_form("old", "technical", "approved")]).await;
    kept.callbacks_of(now - 9 * day, &[first_form("both", "technical", "in_automation")]).await;
    kept.callbacks_of(now, &[first_form("both", "technical", "approved")]).await;
    kept.project().await;
    execute(&kept, "update eqp.event set mark = 'late'").await;
    let done = reproject(&kept, &ReprojectScope::Since(now - day)).await;
    assert_eq!((done.subjects, done.callbacks, done.events_new), (1, 2, 2), "{done:?}");
    let events = kept.events().await;
    assert_eq!(
        told(&events),
        [
            ("technical".to_owned(), "approved".to_owned(), "late"),
            ("technical".to_owned(), "in_automation".to_owned(), "none"),
            ("technical".to_owned(), "approved".to_owned(), "none"),
        ]
    );
}

#[tokio::test]
async fn a_subject_of_which_callbacks_are_gone_is_passed_over_and_keeps_its_history() {
    let kept = Kept::new().await;
    let now = OffsetDateTime::now_utc();
    kept.callbacks_of(now - time::Duration::days(500), &[first_form("s1", "technical", "in_automation")]).await;
    kept.callback(first_form("s1", "technical", "approved")).await;
    kept.callback(first_form("s2", "technical", "approved")).await;
    kept.project().await;
    Retention::new(kept.pool.clone()).delete_before(now - time::Duration::days(400)).await.unwrap();
    let before = projected(&kept).await;
    let done = reproject(&kept, &EVER).await;
    assert_eq!((done.subjects, done.passed_over), (1, 1), "{done:?}");
    assert_eq!(projected(&kept).await, before);
}

#[tokio::test]
async fn what_postgres_refused_stays_undecodable() {
    let kept = Kept::new().await;
    let trap = "create function eqp.trap() returns trigger language plpgsql as $$ begin
                    if new.outcome = 'poison' then raise exception 'poison' using errcode = '22000'; end if;
                    return new;
                end $$;
                create trigger trap before insert on eqp.event for each row execute function eqp.trap()";
    execute(&kept, trap).await;
    kept.callbacks(&[first_form("s1", "technical", "approved"), first_form("s1", "technical", "poison")]).await;
    kept.project().await;
    let before = projected(&kept).await;
    assert_eq!(reproject(&kept, &EVER).await.callbacks, 2);
    assert_eq!(projected(&kept).await, before);
}

#[tokio::test]
async fn what_was_taken_for_anothers_leaves_nothing_behind_there() {
    let kept = Kept::new().await;
    kept.callback(first_form("s1", "technical", "in_automation")).await;
    kept.callback(first_form("s1", "technical", "approved")).await;
    kept.project().await;
    let right = states_and_outcomes(&kept).await;
    // As if an older decoder had read another submission's id.
    execute(
        &kept,
        "update eqp.event set subject = 's9'; update eqp.track set subject = 's9';
         update eqp.callback_outcome set subject = 's9'",
    )
    .await;
    let done = reproject(&kept, &EVER).await;
    assert_eq!((done.callbacks, done.events_new, done.events_gone), (2, 2, 2), "{done:?}");
    assert_eq!(states_and_outcomes(&kept).await, right);
}

#[tokio::test]
async fn whoever_follows_events_is_told_of_new_ones() {
    let kept = Kept::new().await;
    kept.callback(first_form("s1", "technical", "approved")).await;
    kept.project().await;
    let mut bell = PgListener::connect_with(&kept.pool).await.unwrap();
    bell.listen("eqp_events").await.unwrap();
    reproject(&kept, &EVER).await;
    execute(&kept, "notify eqp_events, 'nothing was new'; update eqp.event set mark = 'late'").await;
    reproject(&kept, &EVER).await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let rings = tokio::time::timeout(kept::PATIENCE, bell.recv()).await.expect("it rings");
        heard.push(rings.unwrap().payload().to_owned());
    }
    assert_eq!(heard, ["nothing was new", ""]);
}

#[tokio::test]
async fn callbacks_that_come_meanwhile_are_projected_after_it() {
    let kept = Kept::new().await;
    kept.callback(first_form("s1", "technical", "in_automation")).await;
    kept.project().await;
    let pending = kept.callback(first_form("s1", "technical", "approved")).await;
    let done = reproject(&kept, &ReprojectScope::Subject("s1".to_owned())).await;
    assert_eq!((done.callbacks, done.events_kept), (1, 1), "one that is pending is not its affair");
    kept.project().await;
    let events = kept.events().await;
    assert_eq!(events.iter().map(|event| event.callback_id == Some(pending)).collect::<Vec<_>>(), [false, true]);
    let ids: Vec<Uuid> = sqlx::query_scalar("select callback_id from eqp.callback_outcome order by ordinal")
        .fetch_all(&kept.pool)
        .await
        .unwrap();
    assert_eq!(ids.last(), Some(&pending));
}
