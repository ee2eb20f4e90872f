//! Several receivers on one database.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use eqp_receiver::{Embedded, Projector, Receiver};
use eqp_store::{EventFilter, Order, Reader};
use futures_util::future::join_all;
use http::Request;
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::Notify;
use tower::ServiceExt;

use eqp_test_support::receiver::{PATH, RIGHT, SCAN, TestReceiver, until};

async fn receiver(fixture: &TestReceiver) -> Embedded {
    let builder = Receiver::builder(fixture.database.options.clone()).master_key(fixture.key.clone()).accept_only();
    builder.embed().await.unwrap()
}

async fn send(router: &Router, file: &str) -> u16 {
    let body = Body::from(SCAN.replace("2309480238.238475.0", file));
    let request = Request::post(PATH).header("authorization", RIGHT[0]).body(body).unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

async fn projected(fixture: &TestReceiver) -> Vec<(i64, String)> {
    Projector::new(fixture.database.pool.clone(), Arc::new(Notify::new())).drain().await.unwrap();
    let all = EventFilter { order: Order::OldestFirst, limit: 1000, ..EventFilter::default() };
    let events = Reader::new(fixture.database.pool.clone()).events(&all).await.unwrap();
    events.into_iter().map(|event| (event.seq, event.resource_id.unwrap_or_default())).collect()
}

/// A cursor over IDs would skip a batch that got its IDs first and is committed last.
#[tokio::test]
async fn a_batch_that_commits_after_newer_ones_is_not_skipped() {
    let fixture = TestReceiver::new().await;
    fixture
        .execute(
            "create function eqp.hold() returns trigger language plpgsql as $$ begin
                 if position('held' in convert_from(new.body, 'UTF8')) > 0 then perform pg_advisory_xact_lock(42); end if;
                 return new;
             end $$;
             create trigger hold before insert on eqp.callback for each row execute function eqp.hold()",
        )
        .await;
    let (slow, quick) = (receiver(&fixture).await, receiver(&fixture).await);
    let (to_slow, to_quick) = (slow.router(), quick.router());
    let mut lock = PgConnection::connect_with(&fixture.database.options).await.unwrap();
    lock.execute("select pg_advisory_lock(42)").await.unwrap();

    let held = join_all((0..20).map(|number| {
        let (router, file) = (to_slow.clone(), format!("held-{number}"));
        async move { send(&router, &file).await }
    }));
    let newer = async {
        until("the batch is held", || async { waits_for_lock(&fixture).await }).await;
        for number in 0..20 {
            assert_eq!(send(&to_quick, &format!("newer-{number}")).await, 200);
        }
        let events = projected(&fixture).await;
        assert_eq!(events.len(), 20, "committed callbacks are projected while others are being written");
        lock.execute("select pg_advisory_unlock(42)").await.unwrap();
        events
    };
    let (held, before) = tokio::join!(held, newer);
    assert_eq!(held, [200; 20]);
    let after = projected(&fixture).await;
    assert_eq!(after[..20], before[..], "no number has changed");
    let mut files: Vec<_> = after[20..].iter().map(|(_, file)| file.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    assert_eq!((files.len(), after.len()), (20, 40));
    assert!(after.iter().zip(1..).all(|((seq, _), number)| *seq == number), "numbered without a gap");
    assert!(fixture.pending().await.is_empty());
    // Their ids are older than those that were projected before them.
    let order: Vec<String> =
        sqlx::query_scalar("select convert_from(body, 'UTF8') from eqp.callback order by id limit 1")
            .fetch_all(&fixture.database.pool)
            .await
            .unwrap();
    assert!(order[0].contains("held-"), "{order:?}");
    slow.stop().await.unwrap();
    quick.stop().await.unwrap();
    fixture.stop().await;
}

async fn waits_for_lock(fixture: &TestReceiver) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'advisory')",
    )
    .fetch_one(&fixture.database.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_whatever_role_or_database_say() {
    let fixture = TestReceiver::new().await;
    let name = fixture.database.options.get_database().unwrap().to_owned();
    fixture.execute(format!("alter database {name} set synchronous_commit = off")).await;
    fixture
        .execute(
            "create table eqp.commits (setting text);
             create function eqp.look() returns trigger language plpgsql as $$ begin
                 insert into eqp.commits values (current_setting('synchronous_commit')); return null;
             end $$;
             create constraint trigger look after insert on eqp.callback_pending
                 deferrable initially deferred for each row execute function eqp.look()",
        )
        .await;
    let receiver = receiver(&fixture).await;
    let router = receiver.router();
    assert_eq!(send(&router, "alone").await, 200);
    let files: Vec<String> = (0..50).map(|number| format!("file-{number}")).collect();
    assert_eq!(join_all(files.iter().map(|file| send(&router, file))).await, [200; 50]);
    let connection = PgConnection::connect_with(&fixture.database.options).await.unwrap();
    let mut connection = connection;
    let others: String = sqlx::query_scalar("show synchronous_commit").fetch_one(&mut connection).await.unwrap();
    assert_eq!(others, "off", "for everybody else");
    let settings: Vec<String> =
        sqlx::query_scalar("select setting from eqp.commits").fetch_all(&mut connection).await.unwrap();
    assert!(settings.len() >= 2 && settings.iter().all(|setting| setting == "on"), "{settings:?}");
    receiver.stop().await.unwrap();
    fixture.stop().await;
}
