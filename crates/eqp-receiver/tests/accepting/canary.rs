//! Canaries: test callbacks with a credential of their own, which are stored and never projected.

use bytes::Bytes;
use eqp_store::internal::callback::{self, CallbackRow, Via};
use eqp_store::internal::issue_canaries;
use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver};
use eqp_test_support::sender::basic;
use time::OffsetDateTime;
use uuid::Uuid;

#[tokio::test]
async fn a_canary_is_accepted_at_once_and_is_stored_but_not_queued() {
    let receiver = TestReceiver::new().await;
    let mut connection = receiver.database.pool.acquire().await.unwrap();
    let issued = issue_canaries(&mut connection, &receiver.key, Some("main")).await.unwrap();
    let [canary] = &issued[..] else { panic!("{issued:?}") };
    let authorization = basic(&canary.username, canary.password.expose());
    assert_eq!(receiver.sender.post(PATH, &[&authorization], STATUS).await.status, 200);
    let wrong = basic(&canary.username, "wrong");
    assert_eq!(receiver.sender.post(PATH, &[&wrong], STATUS).await.status, 401);
    assert_eq!(receiver.stored().await.len(), 1);
    assert!(receiver.pending().await.is_empty());
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    assert_eq!(receiver.pending().await.len(), 1, "other callbacks are queued as ever");
    let rejected: i64 = sqlx::query_scalar("select count(*) from eqp.rejected_callback")
        .fetch_one(&receiver.database.pool)
        .await
        .unwrap();
    assert_eq!(rejected, 0, "a rejected canary does not count as a rejected callback");
    drop(connection);
    receiver.stop().await;
}

#[tokio::test]
async fn a_batch_with_a_canary_queues_the_others_and_can_be_written_again() {
    let receiver = TestReceiver::new().await;
    let row = |credential_id| CallbackRow {
        id: Uuid::now_v7(),
        endpoint_id: receiver.endpoint.0,
        credential_id,
        received_at: OffsetDateTime::now_utc(),
        source: [192, 0, 2, 7].into(),
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
    };
    let rows = [row(1), row(-1), row(1)];
    let mut connection = receiver.database.pool.acquire().await.unwrap();
    for via in [Via::Writer, Via::Spool] {
        callback::insert(&mut connection, &rows, via).await.unwrap();
        assert_eq!(receiver.pending().await, [rows[0].id, rows[2].id]);
        assert_eq!(receiver.stored().await.len(), 3);
    }
    callback::insert(&mut connection, &[row(-2)], Via::Spool).await.unwrap();
    assert_eq!((receiver.pending().await.len(), receiver.stored().await.len()), (2, 4));
    drop(connection);
    receiver.stop().await;
}
