//! Tests the limits on connections: valid callbacks are accepted, regardless of the number of other connections.

use std::time::Duration;

use eqp_receiver::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

use crate::durability::Barrier;
use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::{post, read_answer};

const PATIENCE: Duration = Duration::from_secs(20);
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

async fn receiver(change: impl FnOnce(&mut Limits)) -> TestReceiver {
    let mut limits = Limits::default();
    change(&mut limits);
    TestReceiver::with(|builder| builder.limits(limits)).await
}

/// Opens a connection that has received a response.
async fn idle(receiver: &TestReceiver) -> TlsStream<TcpStream> {
    let mut stream = receiver.sender.connect().await;
    assert!(is_open(&mut stream).await);
    stream
}

async fn is_open(stream: &mut TlsStream<TcpStream>) -> bool {
    if stream.write_all(HEALTH).await.is_err() {
        return false;
    }
    let mut answer = [0; 1024];
    timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().is_ok_and(|count| count > 0)
}

/// Waits until the receiver has closed a connection.
async fn is_closed(stream: &mut TlsStream<TcpStream>) {
    let closed = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "it is closed");
}

/// Opens a connection with a valid credential whose body is expected, and returns it with the rest of the request.
async fn receiving(receiver: &TestReceiver) -> (TlsStream<TcpStream>, Vec<u8>) {
    let asking = String::from_utf8(request()).unwrap().replace("content-type", "expect: 100-continue\r\ncontent-type");
    let (head, body) = asking.split_once("\r\n\r\n").unwrap();
    let mut stream = receiver.sender.connect().await;
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    (stream, body.as_bytes().to_vec())
}

/// Returns a request without `Connection: close`.
fn request() -> Vec<u8> {
    String::from_utf8(post(PATH, RIGHT, STATUS.as_bytes())).unwrap().replace("connection: close\r\n", "").into_bytes()
}

#[tokio::test]
async fn a_full_table_evicts_the_connection_that_has_waited_longest() {
    let receiver = receiver(|limits| limits.listener.connections = 8).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(idle(&receiver).await);
    }
    assert!(is_open(&mut streams[0]).await, "used again, it has not waited longest any more");
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    is_closed(&mut streams[1]).await;
    for (at, stream) in streams.iter_mut().enumerate().filter(|(at, _)| *at != 1) {
        assert!(is_open(stream).await, "{at}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn silent_connections_lock_nobody_out() {
    let receiver = receiver(|limits| limits.listener.connections = 32).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        // Without even a handshake.
        silent.push(TcpStream::connect(receiver.address).await.unwrap());
        silent.push(TcpStream::connect(receiver.address).await.unwrap());
        let stream = receiver.sender.connect_with_alpn(&[b"http/1.1"]).await;
        drop(stream);
    }
    for _ in 0..20 {
        assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_request_that_is_being_stored_is_never_evicted_and_new_connections_wait() {
    let mut limits = Limits::default();
    (limits.listener.connections, limits.listener.idle_time) = (8, Duration::from_millis(100));
    limits.listener.header_time = Duration::from_secs(30);
    let operator = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    let receiver = TestReceiver::with(|builder| builder.limits(limits).operator_listen(operator)).await;
    let barrier = Barrier::raise(&receiver).await;
    let mut at_work = Vec::new();
    for _ in 0..8 {
        let (mut stream, body) = receiving(&receiver).await;
        stream.write_all(&body).await.unwrap();
        at_work.push(stream);
    }
    let metrics = || async { reqwest::get(format!("http://{}/metrics", receiver.operator.unwrap())).await.unwrap() };
    // Without the first condition seven could be waiting for the writer while the eighth is still being received.
    until("one is being written", || async { receiver.blocked_writes().await == 1 }).await;
    until("seven wait", || async {
        metrics().await.text().await.unwrap().lines().any(|line| line == "eqp_queued_callbacks 7")
    })
    .await;
    // All eight store a callback: they are not evicted, and a ninth waits for a slot.
    let sender = receiver.sender.clone();
    let ninth = tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await.status });
    sleep(Duration::from_millis(300)).await;
    assert!(!ninth.is_finished());
    barrier.lift().await;
    for stream in &mut at_work {
        assert_eq!(read_answer(stream).await.status, 200);
    }
    assert_eq!(ninth.await.unwrap(), 200);
    for stream in &mut at_work {
        is_closed(stream).await;
    }
    assert_eq!(receiver.stored().await.len(), 9);
    receiver.stop().await;
}

/// The data that the connections of a flood send, and whether they use TLS.
const FLOODS: [(&str, bool); 4] = [
    ("", false),
    ("", true),
    ("POST /callbacks/main HTTP/1.1\r\nhost: local", true),
    ("POST /callbacks/main HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}", true),
];

#[tokio::test]
async fn no_flood_of_connections_blocks_a_valid_callback() {
    let receiver = receiver(|limits| limits.listener.connections = 16).await;
    for (sent, tls) in FLOODS {
        let mut flood = Vec::new();
        let mut kept = receiver.sender.connect().await;
        for _ in 0..20 {
            for _ in 0..8 {
                if tls {
                    // It may have been evicted for the next one before this point.
                    if let Ok(mut stream) = receiver.sender.connect_with_alpn(&[b"http/1.1"]).await {
                        let _ = stream.write_all(sent.as_bytes()).await;
                        flood.push((Some(stream), None));
                    }
                } else {
                    flood.push((None, Some(TcpStream::connect(receiver.address).await.unwrap())));
                }
            }
            assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200, "{sent:?}");
            // One that has shown its credential is not evicted for those that have not.
            kept.write_all(&request()).await.unwrap();
            assert_eq!(read_answer(&mut kept).await.status, 200, "{sent:?}");
        }
    }
    receiver.stop().await;
}

#[tokio::test]
async fn connections_that_are_closing_hold_no_slot() {
    let receiver = receiver(|limits| limits.listener.connections = 8).await;
    let mut closing = Vec::new();
    for round in 0..30 {
        // The request is answered with `Connection: close`, but the peer does not close.
        let mut stream = receiver.sender.connect().await;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 9999999\r\n\r\n{").await.unwrap();
        assert_eq!(read_answer(&mut stream).await.status, 400);
        closing.push(stream);
        assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200, "{round}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_slow_body_is_evicted_when_all_other_connections_are_in_a_request_too() {
    let receiver = receiver(|limits| limits.listener.connections = 8).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(receiving(&receiver).await);
    }
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    is_closed(&mut slow[0].0).await;
    for (stream, body) in &mut slow[1..] {
        stream.write_all(body).await.unwrap();
        assert_eq!(read_answer(stream).await.status, 200);
    }
    receiver.stop().await;
}

#[tokio::test]
async fn incomplete_requests_use_limited_memory_and_valid_callbacks_are_stored() {
    let receiver = receiver(|_| {}).await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nx: {}", "a".repeat(15_000));
    let mut flood = Vec::new();
    let mut short = receiver.sender.connect().await;
    short.write_all(&head.as_bytes()[..1000]).await.unwrap();
    for _ in 0..200 {
        let mut stream = receiver.sender.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        flood.push(stream);
    }
    // More than 1 MB of long heads: the first ones were closed for the last ones, and the short one was not.
    is_closed(&mut flood[0]).await;
    is_closed(&mut flood[100]).await;
    short.write_all(b"\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(&mut short).await.status, 401);
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    let mut last = flood.pop().unwrap();
    last.write_all(b"\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(&mut last).await.status, 401);
    receiver.stop().await;
}

#[tokio::test]
async fn an_incomplete_request_has_the_time_limit_of_a_head_not_of_an_idle_connection() {
    let receiver = receiver(|limits| limits.listener.header_time = Duration::from_millis(300)).await;
    let mut stream = idle(&receiver).await;
    // Sending a byte from time to time does not extend the time.
    for byte in b"POST /callbacks/main HTTP/1.1\r\nhost: some" {
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        let mut answer = [0; 64];
        if timeout(Duration::from_millis(50), stream.read(&mut answer))
            .await
            .is_ok_and(|read| read.is_err() || read.is_ok_and(|count| count == 0))
        {
            break;
        }
    }
    is_closed(&mut stream).await;
    receiver.stop().await;
}

#[tokio::test]
async fn a_shutdown_closes_idle_connections_and_answers_requests_in_progress() {
    let receiver = receiver(|_| {}).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(idle(&receiver).await);
    }
    let mut half = receiver.sender.connect().await;
    half.write_all(b"POST /callbacks/main HTTP/1.1\r\nhos").await.unwrap();
    let barrier = Barrier::raise(&receiver).await;
    let mut at_work = receiver.sender.connect().await;
    at_work.write_all(&request()).await.unwrap();
    until("a write waits", || async { receiver.blocked_writes().await > 0 }).await;
    // Stopping may take half a minute, which is less than the idle timeout.
    let stopped = tokio::spawn(receiver.stop_and_keep());
    for stream in &mut streams {
        is_closed(stream).await;
    }
    assert!(!stopped.is_finished());
    barrier.lift().await;
    assert_eq!(read_answer(&mut at_work).await.status, 200);
    let database = stopped.await.unwrap();
    let stored: i64 = sqlx::query_scalar("select count(*) from eqp.callback").fetch_one(&database.pool).await.unwrap();
    assert_eq!(stored, 1);
}
