//! Our receiver without the database: the cost of HTTP alone, on the same server and the same kind of runtime.
//!
//! It checks the credential by a keyed hash, reads the body, passes it through a queue to a task that replaces the
//! batch writer, checks its syntax, and answers. It has none of our limits and counters, so the true ceiling is
//! somewhat lower, and our share of it somewhat higher, than measured. It is separate from the
//! receiver, which must not be able to answer without storing.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eqp_receiver::CancellationToken;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::de::IgnoredAny;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Failure;

/// The batch size of our batch writer.
const MOST_ROWS: usize = 512;

type Waiting = (Uuid, Bytes, oneshot::Sender<()>);

struct Shared {
    key: hmac::Key,
    expected: hmac::Tag,
    queue: mpsc::Sender<Waiting>,
}

/// Serves on its own current-thread runtime until `shutdown`.
pub(super) fn serve(shutdown: &CancellationToken) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", socket.local_addr()?);
        let (queue, waiting) = mpsc::channel(16 * 1024);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let expected = hmac::sign(&key, b"key:secret");
        let shared = Arc::new(Shared { key, expected, queue });
        tokio::select! {
            ended = listen(socket, &shared) => ended,
            () = answer(waiting) => Ok(()),
            () = shutdown.cancelled() => Ok(()),
        }
    })
}

async fn listen(socket: TcpListener, shared: &Arc<Shared>) -> Result<(), Failure> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _peer) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let shared = Arc::clone(shared);
        connections.spawn(async move {
            let service = service_fn(|request: http::Request<Incoming>| {
                let accepted = accept(Arc::clone(&shared), request.map(Body::new));
                async move { Ok::<_, Infallible>(accepted.await.into_response()) }
            });
            let mut http = http1::Builder::new();
            http.header_read_timeout(None).max_buf_size(64 * 1024);
            // A sender may close the connection.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Replaces the batch writer: answers all waiting callbacks together.
async fn answer(mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, MOST_ROWS).await > 0 {
        for (_id, _body, answer) in batch.drain(..) {
            // The sender may have closed the connection.
            let _ = answer.send(());
        }
    }
}

async fn accept(shared: Arc<Shared>, request: http::Request<Body>) -> Result<Response, StatusCode> {
    let (head, body) = request.into_parts();
    if !is_right(&shared, &head.headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    let (sender, answered) = oneshot::channel();
    let id = Uuid::now_v7();
    shared.queue.try_send((id, body.clone(), sender)).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let syntax = serde_json::from_slice::<IgnoredAny>(&body);
    answered.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    syntax.map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(([(CONTENT_TYPE, "application/json")], format!(r#"{{"id":"{id}"}}"#)).into_response())
}

fn is_right(shared: &Shared, headers: &HeaderMap) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let Some(credential) = sent.and_then(|sent| STANDARD.decode(sent).ok()) else { return false };
    hmac::verify(&shared.key, &credential, shared.expected.as_ref()).is_ok()
}
