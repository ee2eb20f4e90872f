//! A database that does not take callbacks: the sender is told to come again, and never that it was taken.

use eqp_test_support::{Proxy, TestDatabase, Weather};
use futures_util::future::join_all;

use crate::scene::{PATH, RIGHT, STATUS, Scene};

async fn is_refused(scene: &Scene) {
    let answers = join_all((0..8).map(|_| scene.sender.post(PATH, RIGHT, STATUS))).await;
    for answer in answers {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        assert_eq!(answer.reason(), "cannot store callbacks now; try again");
    }
    scene.is_ready(false).await;
    let ready = scene.sender.get("/readyz").await;
    assert_eq!((ready.status, ready.header("retry-after")), (503, Some("5")));
    assert!(ready.reason().contains("database"), "{ready:?}");
    assert_eq!(scene.sender.get("/healthz").await.status, 200, "it lives all the same");
}

async fn is_taken(scene: &Scene) {
    scene.is_ready(true).await;
    let before = scene.stored().await.len();
    let answer = scene.sender.post(PATH, RIGHT, STATUS).await;
    assert_eq!(answer.status, 200);
    assert_eq!(scene.stored().await.len(), before + 1);
}

#[tokio::test]
async fn postgres_that_is_gone_is_found_again() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.options.clone()).await;
    let scene = Scene::on(database, proxy.options(), |builder| builder).await;
    is_taken(&scene).await;
    proxy.turn(Weather::Cut);
    is_refused(&scene).await;
    assert_eq!(scene.stored().await.len(), 1);
    proxy.turn(Weather::Fair);
    is_taken(&scene).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_connection_that_an_operator_ends_is_replaced_without_a_sender_noticing() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and query like '%eqp.callback%' and pid <> pg_backend_pid()",
            )
            .await;
        assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    }
    assert_eq!(scene.stored().await.len(), 3);
    scene.stop().await;
}

#[tokio::test]
async fn a_database_that_became_read_only_refuses_until_it_is_not() {
    let scene = Scene::new().await;
    is_taken(&scene).await;
    let name = scene.database.options.get_database().unwrap().to_owned();
    // It holds for new connections, so the old one goes.
    let end_connections = "select pg_terminate_backend(pid) from pg_stat_activity
                           where datname = current_database() and pid <> pg_backend_pid()";
    scene.execute(format!("alter database {name} set default_transaction_read_only = on")).await;
    scene.execute(end_connections).await;
    is_refused(&scene).await;
    let mut options = scene.database.options.clone();
    options = options.database("postgres");
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    let reset = sqlx::AssertSqlSafe(format!("alter database {name} reset default_transaction_read_only"));
    sqlx::Executor::execute(&mut connection, reset).await.unwrap();
    is_taken(&scene).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_table_that_is_gone_or_full_refuses_until_it_is_back() {
    let scene = Scene::new().await;
    scene.execute("alter table eqp.callback rename to hidden").await;
    is_refused(&scene).await;
    scene.execute("alter table eqp.hidden rename to callback").await;
    is_taken(&scene).await;
    // As a full disk says it.
    scene
        .execute(
            "create function eqp.full() returns trigger language plpgsql as
             $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
             create trigger full_disk before insert on eqp.callback execute function eqp.full()",
        )
        .await;
    let answer = scene.sender.post(PATH, RIGHT, STATUS).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    scene.execute("drop trigger full_disk on eqp.callback").await;
    is_taken(&scene).await;
    scene.stop().await;
}
