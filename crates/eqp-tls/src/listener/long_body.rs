//! The body of a long response. It ends when the peer stops reading: otherwise, a connection that is never read would be open forever.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::Stream;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::shared_table::{ConnectionSlot, RequestGuard};

/// The time limit is checked this many times while it passes.
const CHECKS: u32 = 4;

/// A body with the request that it belongs to, which ends when the body is dropped. That also happens if the peer disconnects.
struct LongBody {
    inner: BodyDataStream,
    /// Since when the last piece waits to be written. `None` while the next piece is awaited.
    unwritten_since: Arc<Mutex<Option<Instant>>>,
    _watch: AbortOnDropHandle<()>,
    _work: RequestGuard,
}

/// Returns the body of a long response. If the peer reads nothing for `patience`, the connection ends.
pub(super) fn long_body(body: Body, work: RequestGuard, slot: &Arc<ConnectionSlot>, patience: Duration) -> Body {
    let unwritten_since = Arc::<Mutex<Option<Instant>>>::default();
    // Weak, because the connection ends when nothing else uses the slot.
    let (since, slot) = (Arc::clone(&unwritten_since), Arc::downgrade(slot));
    let watch = async move {
        loop {
            sleep(patience / CHECKS).await;
            let since = *since.lock().unwrap_or_else(PoisonError::into_inner);
            if since.is_some_and(|since| since.elapsed() >= patience) {
                if let Some(slot) = slot.upgrade() {
                    slot.end();
                }
                return;
            }
        }
    };
    let watch = AbortOnDropHandle::new(tokio::spawn(watch));
    Body::from_stream(LongBody { inner: body.into_data_stream(), unwritten_since, _watch: watch, _work: work })
}

impl LongBody {
    fn set_unwritten_since(&self, since: Option<Instant>) {
        *self.unwritten_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Stream for LongBody {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The connection asks for the next piece only after it has written most of the last one.
        self.set_unwritten_since(None);
        let polled = Pin::new(&mut self.inner).poll_next(context);
        if matches!(polled, Poll::Ready(Some(_))) {
            self.set_unwritten_since(Some(Instant::now()));
        }
        polled
    }
}
