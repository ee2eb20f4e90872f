//! While the database does not accept callbacks and there is no spool, they are answered 503.

use eqp_test_support::{NetworkConditions, Proxy, TestDatabase};
use futures_util::future::join_all;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver};

async fn is_refused(receiver: &TestReceiver) {
    let answers = join_all((0..8).map(|_| receiver.sender.post(PATH, RIGHT, STATUS))).await;
    for answer in answers {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        assert_eq!(answer.reason(), "cannot store callbacks now, retry later");
    }
    receiver.is_ready(false).await;
    let ready = receiver.sender.get("/readyz").await;
    assert_eq!((ready.status, ready.header("retry-after")), (503, Some("5")));
    assert!(ready.reason().contains("database"), "{ready:?}");
    assert_eq!(receiver.sender.get("/healthz").await.status, 200, "it lives all the same");
}

async fn is_taken(receiver: &TestReceiver) {
    receiver.is_ready(true).await;
    let before = receiver.stored().await.len();
    let answer = receiver.sender.post(PATH, RIGHT, STATUS).await;
    assert_eq!(answer.status, 200);
    assert_eq!(receiver.stored().await.len(), before + 1);
}

#[tokio::test]
async fn the_receiver_reconnects_to_postgres_after_an_outage() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let receiver = TestReceiver::on(database, proxy.options(), |builder| builder).await;
    is_taken(&receiver).await;
    proxy.set(NetworkConditions::Cut);
    is_refused(&receiver).await;
    assert_eq!(receiver.stored().await.len(), 1);
    proxy.set(NetworkConditions::Fair);
    is_taken(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_connection_that_an_operator_ends_is_replaced_without_a_sender_noticing() {
    let receiver = TestReceiver::new().await;
    for _ in 0..3 {
        receiver
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and query like '%eqp.callback%' and pid <> pg_backend_pid()",
            )
            .await;
        assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    }
    assert_eq!(receiver.stored().await.len(), 3);
    receiver.stop().await;
}

#[tokio::test]
async fn a_database_that_became_read_only_refuses_until_it_is_not() {
    let receiver = TestReceiver::new().await;
    is_taken(&receiver).await;
    let name = receiver.database.options.get_database().unwrap().to_owned();
    // The setting applies to new connections, so the old one is closed.
    let end_connections = "select pg_terminate_backend(pid) from pg_stat_activity
                           where datname = current_database() and pid <> pg_backend_pid()";
    receiver.execute(format!("alter database {name} set default_transaction_read_only = on")).await;
    receiver.execute(end_connections).await;
    is_refused(&receiver).await;
    let mut options = receiver.database.options.clone();
    options = options.database("postgres");
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    let reset = sqlx::AssertSqlSafe(format!("alter database {name} reset default_transaction_read_only"));
    sqlx::Executor::execute(&mut connection, reset).await.unwrap();
    is_taken(&receiver).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_table_that_is_gone_or_full_refuses_until_it_is_back() {
    let receiver = TestReceiver::new().await;
    receiver.execute("alter table eqp.callback rename to hidden").await;
    is_refused(&receiver).await;
    receiver.execute("alter table eqp.hidden rename to callback").await;
    is_taken(&receiver).await;
    // The error of a full disk.
    receiver
        .execute(
            "create function eqp.full() returns trigger language plpgsql as
             $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
             create trigger full_disk before insert on eqp.callback execute function eqp.full()",
        )
        .await;
    let answer = receiver.sender.post(PATH, RIGHT, STATUS).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    receiver.execute("drop trigger full_disk on eqp.callback").await;
    is_taken(&receiver).await;
    receiver.stop().await;
}
