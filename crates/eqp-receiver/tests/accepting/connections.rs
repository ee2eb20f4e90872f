//! Bounds on connections: good callbacks get in whoever holds how many.

use std::time::Duration;

use eqp_receiver::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

use crate::durability::Barrier;
use crate::scene::{PATH, RIGHT, STATUS, Scene, until};
use crate::sender::{post, read_answer};

const PATIENCE: Duration = Duration::from_secs(20);
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

async fn scene(change: impl FnOnce(&mut Limits)) -> Scene {
    let mut limits = Limits::default();
    change(&mut limits);
    Scene::with(|builder| builder.limits(limits)).await
}

/// A connection that has had an answer.
async fn idle(scene: &Scene) -> TlsStream<TcpStream> {
    let mut stream = scene.sender.connect().await;
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

/// A request without `Connection: close`.
fn request() -> Vec<u8> {
    String::from_utf8(post(PATH, RIGHT, STATUS.as_bytes())).unwrap().replace("connection: close\r\n", "").into_bytes()
}

#[tokio::test]
async fn where_there_is_no_room_the_connection_that_waited_longest_makes_it() {
    let scene = scene(|limits| limits.connections = 8).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(idle(&scene).await);
    }
    assert!(is_open(&mut streams[0]).await, "used again, it has not waited longest any more");
    assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    is_closed(&mut streams[1]).await;
    for (at, stream) in streams.iter_mut().enumerate().filter(|(at, _)| *at != 1) {
        assert!(is_open(stream).await, "{at}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn whoever_holds_connections_without_a_word_keeps_nobody_out() {
    let scene = scene(|limits| limits.connections = 32).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        // Without even a handshake.
        silent.push(TcpStream::connect(scene.address).await.unwrap());
        silent.push(TcpStream::connect(scene.address).await.unwrap());
        let stream = scene.sender.connect_with_alpn(&[b"http/1.1"]).await;
        drop(stream);
    }
    for _ in 0..20 {
        assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_request_at_work_is_never_closed_for_another() {
    let scene = scene(|limits| {
        limits.connections = 8;
        limits.idle_time = Duration::from_millis(100);
        limits.header_time = Duration::from_secs(30);
    })
    .await;
    let barrier = Barrier::raise(&scene).await;
    let mut at_work = Vec::new();
    for _ in 0..8 {
        let mut stream = scene.sender.connect().await;
        stream.write_all(&request()).await.unwrap();
        at_work.push(stream);
    }
    until("a write waits", || async { scene.blocked_writes().await > 0 }).await;
    // All are at work, and there is no room: a ninth is not let in, and the eight are not touched.
    let mut refused = TcpStream::connect(scene.address).await.unwrap();
    assert_eq!(timeout(PATIENCE, refused.read(&mut [0; 16])).await.unwrap().unwrap_or(0), 0);
    sleep(Duration::from_millis(300)).await;
    barrier.lift().await;
    for stream in &mut at_work {
        assert_eq!(read_answer(stream).await.status, 200);
        is_closed(stream).await;
    }
    assert_eq!(scene.stored().await.len(), 8);
    scene.stop().await;
}

#[tokio::test]
async fn half_a_request_has_the_time_of_a_head_and_not_that_of_an_idle_connection() {
    let scene = scene(|limits| limits.header_time = Duration::from_millis(300)).await;
    let mut stream = idle(&scene).await;
    // A byte from time to time does not buy more.
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
    scene.stop().await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_idle_connections_and_answers_what_is_at_work() {
    let scene = scene(|_| {}).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(idle(&scene).await);
    }
    let mut half = scene.sender.connect().await;
    half.write_all(b"POST /callbacks/main HTTP/1.1\r\nhos").await.unwrap();
    let barrier = Barrier::raise(&scene).await;
    let mut at_work = scene.sender.connect().await;
    at_work.write_all(&request()).await.unwrap();
    until("a write waits", || async { scene.blocked_writes().await > 0 }).await;
    // Stopping has half a minute, which is less than an idle connection has.
    let stopped = tokio::spawn(scene.stop_and_keep());
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
