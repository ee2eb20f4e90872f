//! The life of one connection: handshake, requests, lingering close.

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

use super::room::Seat;
use super::watched::{Watched, linger};
use super::{Answer, Peer, TarpitDelay, head};

/// How long a request that is at work may take after shutdown.
pub(super) const GRACE: Duration = Duration::from_secs(25);
/// How long a connection that waits may take to close.
const CLOSING: Duration = Duration::from_secs(2);

/// Serves one peer until either side ends the connection.
pub(super) async fn connection<A: Answer>(
    socket: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    seat: Arc<Seat>,
    answer: A,
) {
    // Answers are small and written whole.
    let _ = socket.set_nodelay(true);
    // On the heap, so that all of it is freed before the lingering close.
    Box::pin(secure(socket, peer, tls, Arc::clone(&seat), answer)).await;
    if !seat.is_evicted()
        && let Some((socket, closing)) = seat.closes()
    {
        linger(socket, closing).await;
    }
}

async fn secure<A: Answer>(socket: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, seat: Arc<Seat>, answer: A) {
    let socket = Watched::new(socket, Arc::clone(&seat));
    let Some(tls) = tls else { return speak(socket, peer, seat, answer).await };
    let secured = tokio::select! {
        biased;
        () = seat.is_called() => return,
        secured = tls.accept(socket) => secured,
    };
    match secured {
        Ok(stream) => speak(stream, peer, seat, answer).await,
        Err(_not_tls) => seat.handshake_failed(),
    }
}

async fn speak<S, A>(stream: S, peer: SocketAddr, seat: Arc<Seat>, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer,
{
    let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
        let work = seat.begin();
        let answered = match head::check(&request) {
            Ok(()) => Ok(answer.answer(Peer::connected(peer, Arc::clone(&seat)), request.map(Body::new))),
            Err(refused) => Err(refused),
        };
        async move {
            let mut response = match answered {
                Ok(answered) => answered.await,
                Err(refused) => refused.into_response(),
            };
            // Meanwhile the connection can be evicted as any that waits.
            if let Some(TarpitDelay(delay)) = response.extensions_mut().remove() {
                sleep(delay).await;
            }
            drop(work);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    // Time is kept by the slots: a timer for each head would be one more thing to set and to cancel for each request.
    http.header_read_timeout(None).max_header_size(head::MOST_BYTES).max_buf_size(head::MOST_BYTES);
    let mut speaking = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        () = seat.is_called() => speaking.as_mut().graceful_shutdown(),
        _ended = speaking.as_mut() => return,
    }
    if seat.is_evicted() {
        // One that waits for its next request is told that none will be answered, if that takes no waiting.
        let _ = speaking.now_or_never();
        return;
    }
    let time = if seat.is_in_request() { GRACE } else { CLOSING };
    let _ = timeout(time, speaking).await;
}
