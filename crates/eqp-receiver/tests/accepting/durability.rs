//! Every answered ID is stored exactly once, byte for byte, and every enqueued callback is stored.

use std::collections::BTreeMap;

use eqp_test_support::{NetworkConditions, Proxy, TestDatabase};
use futures_util::future::join_all;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::post;

/// Blocks writes of callbacks until it is dropped.
pub(crate) struct Barrier(PgConnection);

impl Barrier {
    pub(crate) async fn raise(receiver: &TestReceiver) -> Self {
        let mut connection = PgConnection::connect_with(&receiver.database.options).await.unwrap();
        connection.execute("begin; lock table eqp.callback in exclusive mode").await.unwrap();
        Self(connection)
    }

    pub(crate) async fn lift(self) {
        self.0.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_what_64_concurrent_senders_were_answered() {
    let receiver = TestReceiver::new().await;
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(receiver.ca_pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let url = format!("https://localhost:{}{PATH}", receiver.address.port());
    let answered = join_all((0..64).map(|sender| {
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move {
            let mut answered = Vec::new();
            for number in 0..20 {
                let body = format!(r#"{{"sender": {sender}, "number": {number}}}"#).into_bytes();
                let request = client.post(&url).basic_auth("key", Some("secret")).body(body.clone());
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let answer: serde_json::Value = answer.json().await.unwrap();
                answered.push((answer["id"].as_str().unwrap().parse::<Uuid>().unwrap(), body));
            }
            assert!(answered.is_sorted(), "ids of one sender rise");
            answered
        })
    }));
    let mut answered: Vec<(Uuid, Vec<u8>)> = answered.await.into_iter().flat_map(Result::unwrap).collect();
    answered.sort();
    assert_eq!(answered.len(), 64 * 20);
    assert_eq!(receiver.stored().await, answered);
    assert_eq!(receiver.pending().await, answered.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let commits: i64 = sqlx::query_scalar("select count(*) from eqp.callback_pending")
        .fetch_one(&receiver.database.pool)
        .await
        .unwrap();
    assert!(commits < 64 * 20, "callbacks that wait at the same time share a commit");
    receiver.stop().await;
}

#[tokio::test]
async fn a_callback_is_stored_although_its_sender_disconnects() {
    let receiver = TestReceiver::new().await;
    let barrier = Barrier::raise(&receiver).await;
    let mut stream = receiver.sender.connect().await;
    stream.write_all(&post(PATH, RIGHT, STATUS.as_bytes())).await.unwrap();
    until("the write waits", || async { receiver.blocked_writes().await == 1 }).await;
    drop(stream);
    barrier.lift().await;
    until("it is stored", || async { receiver.stored().await.len() == 1 }).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_enqueued_callbacks() {
    let receiver = TestReceiver::new().await;
    let barrier = Barrier::raise(&receiver).await;
    let sender = receiver.sender.clone();
    let answer = tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await });
    until("the write waits", || async { receiver.blocked_writes().await == 1 }).await;
    tokio::join!(receiver.stop(), barrier.lift());
    assert_eq!(answer.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_callback_that_the_database_refuses_does_no_harm_to_its_neighbours() {
    let receiver = TestReceiver::new().await;
    receiver.execute("alter table eqp.callback add check (position('unstorable' in encode(body, 'escape')) = 0)").await;
    let barrier = Barrier::raise(&receiver).await;
    let post = |body: String| {
        let sender = receiver.sender.clone();
        tokio::spawn(async move { sender.post(PATH, RIGHT, body).await })
    };
    // The first one is a separate batch and keeps the writer busy; the others gather in the queue for one batch.
    let first = post("0".to_owned());
    until("the first write waits", || async { receiver.blocked_writes().await == 1 }).await;
    let others: Vec<_> = (1..=20)
        .map(|number| post(if number % 7 == 0 { r#""unstorable""#.to_owned() } else { number.to_string() }))
        .collect();
    // Each has its own connection, and is answered on it after the barrier was removed.
    let mut answers = BTreeMap::new();
    barrier.lift().await;
    assert_eq!(first.await.unwrap().status, 200);
    for (number, answer) in others.into_iter().enumerate() {
        let answer = answer.await.unwrap();
        if (number + 1) % 7 == 0 {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        } else {
            assert_eq!(answer.status, 200);
            answers.insert(answer.id(), (number + 1).to_string().into_bytes());
        }
    }
    let stored: BTreeMap<_, _> = receiver.stored().await.into_iter().filter(|(_, body)| body != b"0").collect();
    assert_eq!(stored, answers);
    assert_eq!(receiver.pending().await.len(), 1 + answers.len());
    assert_eq!(receiver.sender.get("/readyz").await.status, 200, "a bad callback does not make the receiver unready");
    receiver.stop().await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_sent_again_and_stored_once() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let receiver = TestReceiver::on(database, proxy.options(), |builder| builder).await;
    for round in 1..=3 {
        proxy.set(NetworkConditions::LosesOneAnswer);
        let answer = receiver.sender.post(PATH, RIGHT, round.to_string()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(receiver.stored().await.len(), round);
        assert_eq!(receiver.pending().await.len(), round, "queued once too");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_sent_again_and_stored_once() {
    let receiver = TestReceiver::new().await;
    let barrier = Barrier::raise(&receiver).await;
    let sender = receiver.sender.clone();
    let answer = tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await });
    until("it was given up once and sent again", || async { receiver.blocked_writes().await == 2 }).await;
    barrier.lift().await;
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(receiver.stored().await, [(answer.id(), STATUS.as_bytes().to_vec())]);
    assert_eq!(receiver.pending().await, [answer.id()]);
    receiver.stop().await;
}
