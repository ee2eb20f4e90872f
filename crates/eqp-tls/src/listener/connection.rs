//! Serves one connection: TLS handshake, requests, and the lingering close.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::long_body::long_body;
use super::shared_table::ConnectionSlot;
use super::tracked_socket::{TrackedSocket, linger};
use super::{Answer, LongResponse, Peer, TarpitDelay, head};

/// The time limit for closing an idle connection at shutdown.
const CLOSING: Duration = Duration::from_secs(2);

/// The time limits of a connection that the connection table does not enforce.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// The time for which a request in progress may continue after shutdown.
    pub(super) grace: Duration,
    /// The time within which the peer has to read a part of a long response.
    pub(super) idle: Duration,
}

/// Serves one peer until either side ends the connection.
pub(super) async fn connection<A: Answer>(
    socket: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    slot: Arc<ConnectionSlot>,
    answer: A,
    times: Times,
) {
    // Responses are small and written at once, so waiting to merge packets only delays them.
    let _ = socket.set_nodelay(true);
    // Boxed, so that its memory is freed before the lingering close.
    Box::pin(secure(socket, peer, tls, Arc::clone(&slot), answer, times)).await;
    if !slot.is_evicted()
        && let Some((socket, closing)) = slot.closes()
    {
        linger(socket, closing).await;
    }
}

async fn secure<A: Answer>(
    socket: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    slot: Arc<ConnectionSlot>,
    answer: A,
    times: Times,
) {
    let socket = TrackedSocket::new(socket, Arc::clone(&slot));
    let Some(tls) = tls else { return speak(socket, peer, slot, answer, times).await };
    let secured = tokio::select! {
        biased;
        () = slot.is_woken() => return,
        secured = tls.accept(socket) => secured,
    };
    match secured {
        Ok(stream) => speak(stream, peer, slot, answer, times).await,
        Err(_not_tls) => slot.handshake_failed(),
    }
}

async fn speak<S, A>(stream: S, peer: SocketAddr, slot: Arc<ConnectionSlot>, answer: A, times: Times)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer,
{
    let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
        let (work, slot) = (slot.begin(), Arc::clone(&slot));
        let answered = match head::check(&request) {
            Ok(()) => Ok(answer.answer(Peer { address: peer.ip(), slot: Arc::clone(&slot) }, request.map(Body::new))),
            Err(rejected) => Err(rejected),
        };
        async move {
            let mut response = match answered {
                Ok(answered) => answered.await?,
                Err(rejected) => rejected.into_response(),
            };
            // During the delay the connection can be evicted, so delayed attackers do not use up the table.
            if let Some(TarpitDelay(delay)) = response.extensions_mut().remove() {
                sleep(delay).await;
            }
            if response.extensions_mut().remove::<LongResponse>().is_some() {
                return Ok(response.map(|body| long_body(body, work, &slot, times.idle)));
            }
            drop(work);
            Ok::<_, A::Error>(response)
        }
    });
    let mut http = http1::Builder::new();
    // The connection table enforces time limits, which is cheaper than a timer for each head.
    http.header_read_timeout(None).max_header_size(head::MAX_HEAD_BYTES).max_buf_size(head::MAX_HEAD_BYTES);
    let mut speaking = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        () = slot.is_woken() => speaking.as_mut().graceful_shutdown(),
        _ended = speaking.as_mut() => return,
    }
    if slot.is_evicted() {
        // Polls once, to close an idle connection properly if that is possible without waiting.
        let _ = speaking.now_or_never();
        return;
    }
    let time = if slot.is_in_request() { times.grace } else { CLOSING };
    let _ = timeout(time, speaking).await;
}
