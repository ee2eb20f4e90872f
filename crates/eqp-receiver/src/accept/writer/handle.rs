//! The handle of the batch writer: enqueues callbacks, and waits until they are durable.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::super::body::Received;
use super::super::readiness::{Health, Readiness};
use crate::results::Refusal;
use crate::spool::Level;
use eqp_store::internal::callback::CallbackRow;

/// The maximum time that a sender waits. It covers the time in the queue, a write, and a second write.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// Proof that a callback is durable.
#[derive(Debug)]
pub(in crate::accept) struct Accepted(Uuid);

impl Accepted {
    pub(in crate::accept) fn id(&self) -> Uuid {
        self.0
    }
}

/// A callback in the queue, with the channel for its result.
pub(super) struct QueuedCallback {
    pub(super) received: Received,
    pub(super) answer: oneshot::Sender<Result<(), Refusal>>,
}

impl AsRef<CallbackRow> for QueuedCallback {
    fn as_ref(&self) -> &CallbackRow {
        &self.received.row
    }
}

/// Enqueues callbacks for a batch writer, and reports its state.
pub(crate) struct WriterHandle {
    queue: mpsc::Sender<QueuedCallback>,
    health: watch::Receiver<Health>,
    spool: Option<watch::Receiver<Level>>,
}

/// An enqueued callback whose result is not known yet.
pub(in crate::accept) struct Enqueued {
    id: Uuid,
    answer: oneshot::Receiver<Result<(), Refusal>>,
}

impl WriterHandle {
    pub(super) fn new(
        queue: mpsc::Sender<QueuedCallback>,
        health: watch::Receiver<Health>,
        spool: Option<watch::Receiver<Level>>,
    ) -> Self {
        Self { queue, health, spool }
    }

    /// Enqueues a callback. It is stored even if its sender disconnects.
    pub(in crate::accept) fn enqueue(&self, received: Received) -> Result<Enqueued, Refusal> {
        let (sender, answer) = oneshot::channel();
        let id = received.row.id;
        self.queue.try_send(QueuedCallback { received, answer: sender }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::NotStored,
        })?;
        Ok(Enqueued { id, answer })
    }

    /// Returns the number of callbacks that wait to be written.
    pub(in crate::accept) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Returns the spool's level, if there is a spool.
    pub(in crate::accept) fn spooled(&self) -> Option<Level> {
        Some(*self.spool.as_ref()?.borrow())
    }

    pub(in crate::accept) fn readiness(&self) -> Readiness {
        if self.queue.is_closed() {
            return Readiness::NotReady("shutting down");
        }
        self.health.borrow().readiness(self.spooled().map_or(0, |level| level.callbacks))
    }
}

impl Enqueued {
    /// Waits until the callback is durable.
    pub(in crate::accept) async fn accepted(self) -> Result<Accepted, Refusal> {
        match timeout(ANSWER_DEADLINE, self.answer).await {
            Ok(Ok(result)) => result.map(|()| Accepted(self.id)),
            _ => Err(Refusal::NotStored),
        }
    }
}
