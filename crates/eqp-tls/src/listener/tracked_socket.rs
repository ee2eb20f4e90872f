//! A socket that reports received bytes to its slot, and the lingering close, which makes sure that the last response arrives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::shared_table::{ConnectionSlot, LingerGuard};

/// The time for which a connection is still read from after its last response.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// The maximum number of bytes that are read and discarded in this time.
const MAX_DISCARDED: usize = 1024 * 1024;

/// A socket with its slot. It counts raw bytes, below TLS, so that the bytes of a handshake count, too.
pub(super) struct TrackedSocket {
    /// None only after it was dropped.
    socket: Option<TcpStream>,
    slot: Arc<ConnectionSlot>,
    /// The peer has closed its side, or the connection has failed.
    is_over: bool,
    is_shut_down: bool,
}

impl TrackedSocket {
    pub(super) fn new(socket: TcpStream, slot: Arc<ConnectionSlot>) -> Self {
        Self { socket: Some(socket), slot, is_over: false, is_shut_down: false }
    }

    fn socket(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.socket.as_mut().expect("the socket exists until it is dropped"))
    }
}

impl AsyncRead for TrackedSocket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self.socket().poll_read(context, buf);
        match &read {
            Poll::Pending => self.slot.waits_for_bytes(),
            Poll::Ready(Ok(())) if buf.filled().len() > before => self.slot.count_bytes(buf.filled().len() - before),
            Poll::Ready(_) => self.is_over = true,
        }
        read
    }
}

impl AsyncWrite for TrackedSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket().poll_write(context, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_write_vectored(context, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.socket().poll_shutdown(context))?;
        self.is_shut_down = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for TrackedSocket {
    fn drop(&mut self) {
        if self.is_shut_down
            && !self.is_over
            && let Some(socket) = self.socket.take()
        {
            self.slot.leave_socket(socket);
        }
    }
}

/// Reads and discards what the peer still sends. If a connection is closed with unread bytes, the system resets it, and the last
/// response may be lost, such as 413 for a long body.
pub(super) async fn linger(socket: TcpStream, closing: LingerGuard) {
    let discard = async {
        let mut discarded = 0;
        while discarded < MAX_DISCARDED && socket.readable().await.is_ok() {
            // Allocated here, so that it does not use memory during the wait.
            let mut buffer = [0; 4096];
            match socket.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => discarded += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    };
    tokio::select! {
        _ = timeout(LINGER_TIME, discard) => {}
        () = closing.is_cut() => {}
    }
}
