//! A stream that tells its seat when bytes come, and that is closed so that the last answer arrives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::room::Seat;

/// How long, and for how many bytes, a connection is still read from after its last answer.
const FAREWELL: Duration = Duration::from_secs(1);
const MOST_DISCARDED: usize = 1024 * 1024;

/// A stream with its seat.
pub(super) struct Watched<S> {
    stream: S,
    seat: Arc<Seat>,
    /// The peer will send no more.
    is_over: bool,
    farewell: Option<Farewell>,
}

struct Farewell {
    ends: Pin<Box<Sleep>>,
    discarded: usize,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>) -> Self {
        Self { stream, seat, is_over: false, farewell: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        match &read {
            Poll::Pending => self.seat.waits_for_bytes(),
            Poll::Ready(Ok(())) if buf.filled().len() > before => self.seat.bytes_came(),
            Poll::Ready(_) => self.is_over = true,
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that no more will come, and then lets the peer finish: a connection that is closed while bytes of the peer
    /// are unread is reset, and with that the last answer can be lost on its way (413 to a long body, for one).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.farewell.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.farewell = Some(Farewell { ends: Box::pin(sleep(FAREWELL)), discarded: 0 });
        }
        let this = &mut *self;
        let Some(farewell) = &mut this.farewell else { return Poll::Ready(Ok(())) };
        let mut buffer = [0; 4096];
        while !this.is_over && farewell.discarded < MOST_DISCARDED {
            let mut unread = ReadBuf::new(&mut buffer);
            match Pin::new(&mut this.stream).poll_read(context, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => farewell.discarded += unread.filled().len(),
                Poll::Ready(_) => this.is_over = true,
                Poll::Pending => {
                    ready!(farewell.ends.as_mut().poll(context));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
