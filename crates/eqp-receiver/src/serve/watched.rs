//! A socket that tells its slot when bytes come, and that is left behind when it has been shut down, so that the last
//! answer arrives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::room::{ClosingSlot, Seat};

/// How long, and for how many bytes, a connection is still read from after its last answer.
const FAREWELL: Duration = Duration::from_secs(1);
const MOST_DISCARDED: usize = 1024 * 1024;

/// A socket with its slot. It counts what is on the wire, so that nothing that a peer sends goes uncounted, TLS included.
pub(super) struct Watched {
    /// There until it is dropped.
    socket: Option<TcpStream>,
    seat: Arc<Seat>,
    /// The peer will send no more.
    is_over: bool,
    is_shut_down: bool,
}

impl Watched {
    pub(super) fn new(socket: TcpStream, seat: Arc<Seat>) -> Self {
        Self { socket: Some(socket), seat, is_over: false, is_shut_down: false }
    }

    fn socket(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.socket.as_mut().expect("it is there until it is dropped"))
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self.socket().poll_read(context, buf);
        match &read {
            Poll::Pending => self.seat.waits_for_bytes(),
            Poll::Ready(Ok(())) if buf.filled().len() > before => self.seat.bytes_came(buf.filled().len() - before),
            Poll::Ready(_) => self.is_over = true,
        }
        read
    }
}

impl AsyncWrite for Watched {
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

impl Drop for Watched {
    fn drop(&mut self) {
        if self.is_shut_down
            && !self.is_over
            && let Some(socket) = self.socket.take()
        {
            self.seat.leave_socket(socket);
        }
    }
}

/// Lets the peer finish: a connection that is closed while bytes of the peer are unread is reset, and with that the last
/// answer can be lost on its way (413 to a long body, for one).
pub(super) async fn linger(socket: TcpStream, closing: ClosingSlot) {
    let discard = async {
        let mut discarded = 0;
        while discarded < MOST_DISCARDED && socket.readable().await.is_ok() {
            // Not held while it waits.
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
        _ = timeout(FAREWELL, discard) => {}
        () = closing.is_cut() => {}
    }
}
