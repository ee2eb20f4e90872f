//! The life of one connection: handshake, requests, farewell.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Answer;
use super::room::Seat;
use super::watched::Watched;

/// How long a request that is at work may take after shutdown.
pub(super) const GRACE: Duration = Duration::from_secs(25);
/// How long a connection that waits may take to close.
const CLOSING: Duration = Duration::from_secs(2);
/// Enough for every header that a sender has a use for; a longer head is answered 431.
const HEAD_BYTES: usize = 64 * 1024;

/// Speaks with one peer until one of both goes.
pub(super) async fn connection<A: Answer>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    seat: Arc<Seat>,
    answer: A,
) {
    // Answers are small and written whole.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return speak(stream, peer, seat, answer).await };
    let secured = tokio::select! {
        biased;
        secured = tls.accept(stream) => secured,
        () = seat.is_called() => return,
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
        let work = seat.work();
        let answered = answer.answer(peer, request.map(Body::new));
        async move {
            let response = answered.await;
            drop(work);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&seat)));
    let mut http = http1::Builder::new();
    // Time is kept by the seats: a timer for each head would be one more thing to set and to cancel for each request.
    http.header_read_timeout(None).max_buf_size(HEAD_BYTES);
    let mut speaking = pin!(http.serve_connection(stream, service));
    tokio::select! {
        biased;
        _ended = speaking.as_mut() => return,
        () = seat.is_called() => speaking.as_mut().graceful_shutdown(),
    }
    let time = if seat.is_working() { GRACE } else { CLOSING };
    let _ = timeout(time, speaking).await;
}
