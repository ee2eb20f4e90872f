//! What a listener promises to those who connect, over plain HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use eqp_tls::listener::{Answer, ConnectionLimits, Listener, LongResponse, Peer};
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_mins(1);
const CONNECTIONS: usize = 4;

/// Stores each request until the test allows one to end.
#[derive(Clone)]
struct Store {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

impl Answer for Store {
    type Error = Infallible;

    fn answer(
        &self,
        peer: Peer,
        _request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let Self { begun, may_end } = self.clone();
        async move {
            peer.receives().await;
            peer.stores();
            begun.add_permits(1);
            may_end.acquire().await.expect("it is never closed").forget();
            Ok(StatusCode::OK.into_response())
        }
    }
}

async fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The listener has begun to wait for a connection when there was still one to evict; when it comes, there is none any more.
#[tokio::test]
async fn a_connection_that_arrives_just_as_every_other_begins_to_store_waits_for_a_slot() {
    let store = Store { begun: Arc::new(Semaphore::new(0)), may_end: Arc::new(Semaphore::new(0)) };
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut limits = ConnectionLimits::default();
    limits.connections = CONNECTIONS;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(Listener::new(socket).limits(limits).serve(store.clone(), stop.clone()));

    // Twice, because a periodic check of the table can come between, and hide the moment.
    for _ in 0..2 {
        let mut requests: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(request(address))).collect();
        let all_begun = u32::try_from(CONNECTIONS).unwrap();
        timeout(PATIENCE, store.begun.acquire_many(all_begun)).await.unwrap().unwrap().forget();
        requests.push(tokio::spawn(request(address)));
        // Long enough to be accepted, if it were.
        let late = timeout(Duration::from_millis(50), store.begun.acquire()).await;
        assert!(late.is_err(), "it has no slot before another request has ended");
        store.may_end.add_permits(requests.len());
        for request in requests {
            let answer = timeout(PATIENCE, request).await.unwrap().unwrap().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        }
        timeout(PATIENCE, store.begun.acquire()).await.unwrap().unwrap().forget();
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}

/// Answers with a body that is sent slowly.
#[derive(Clone)]
struct Slow {
    is_long: bool,
}

impl Answer for Slow {
    type Error = Infallible;

    fn answer(
        &self,
        _peer: Peer,
        _request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let is_long = self.is_long;
        async move {
            let pieces = futures_util::stream::unfold(0, |sent| async move {
                tokio::time::sleep(4 * IDLE_TIME).await;
                (sent < 3).then_some((Ok::<_, Infallible>("piece"), sent + 1))
            });
            let mut response = Body::from_stream(pieces).into_response();
            if is_long {
                response.extensions_mut().insert(LongResponse);
            }
            Ok(response)
        }
    }
}

/// Answers with a body without an end, and notices when the body is dropped.
#[derive(Clone)]
struct Endless {
    dropped: Arc<Semaphore>,
}

/// Adds a permit when it is dropped.
struct Dropped(Arc<Semaphore>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl Answer for Endless {
    type Error = Infallible;

    fn answer(
        &self,
        _peer: Peer,
        _request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let guard = Dropped(Arc::clone(&self.dropped));
        async move {
            let pieces = futures_util::stream::unfold(guard, |guard| async move {
                // Other tasks run between two pieces.
                tokio::task::yield_now().await;
                Some((Ok::<_, Infallible>("x".repeat(64 * 1024)), guard))
            });
            let mut response = Body::from_stream(pieces).into_response();
            response.extensions_mut().insert(LongResponse);
            Ok(response)
        }
    }
}

#[tokio::test]
async fn a_long_response_that_its_peer_does_not_read_ends() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut limits = ConnectionLimits::default();
    // Longer than a busy machine interrupts the peer that reads.
    limits.idle_time = Duration::from_millis(500);
    let endless = Endless { dropped: Arc::new(Semaphore::new(0)) };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(Listener::new(socket).limits(limits).serve(endless.clone(), stop.clone()));
    let mut stalled = TcpStream::connect(address).await.unwrap();
    stalled.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // A peer that goes on reading keeps its connection.
    let mut reader = TcpStream::connect(address).await.unwrap();
    reader.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reader.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
    });
    timeout(PATIENCE, endless.dropped.acquire()).await.unwrap().unwrap().forget();
    assert!(!reading.is_finished(), "only the peer that did not read has lost its connection");
    reading.abort();
    drop(stalled);
    stop.cancel();
    timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
}

const IDLE_TIME: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_long_response_does_not_count_as_waiting() {
    for is_long in [true, false] {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut limits = ConnectionLimits::default();
        limits.idle_time = IDLE_TIME;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(Listener::new(socket).limits(limits).serve(Slow { is_long }, stop.clone()));
        let answer = timeout(PATIENCE, request(address)).await.unwrap().unwrap_or_default();
        assert_eq!(answer.matches("piece").count() == 3, is_long, "{answer}");
        stop.cancel();
        timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    }
}
