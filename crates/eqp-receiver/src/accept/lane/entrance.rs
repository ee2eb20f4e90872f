//! Where callbacks are handed over to a lane, and where their senders wait.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::super::answer::Refusal;
use super::super::body::Received;
use super::super::readiness::{Health, Readiness};
use crate::spool::Level;
use crate::store::callback::CallbackRow;

/// The longest that a sender waits: in the queue, for the write, and for a second one.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// A callback that is durable.
#[derive(Debug)]
pub(in crate::accept) struct Accepted(Uuid);

impl Accepted {
    pub(in crate::accept) fn id(&self) -> Uuid {
        self.0
    }
}

/// A callback in the queue.
pub(super) struct Waiting {
    pub(super) received: Received,
    pub(super) answer: oneshot::Sender<Result<(), Refusal>>,
}

impl AsRef<CallbackRow> for Waiting {
    fn as_ref(&self) -> &CallbackRow {
        &self.received.row
    }
}

/// Where callbacks are handed over to a lane.
pub(crate) struct Entrance {
    queue: mpsc::Sender<Waiting>,
    health: watch::Receiver<Health>,
    spool: Option<watch::Receiver<Level>>,
}

/// A callback that the lane has, and whose fate is not known yet.
pub(in crate::accept) struct HandedOver {
    id: Uuid,
    answer: oneshot::Receiver<Result<(), Refusal>>,
}

impl Entrance {
    pub(super) fn new(
        queue: mpsc::Sender<Waiting>,
        health: watch::Receiver<Health>,
        spool: Option<watch::Receiver<Level>>,
    ) -> Self {
        Self { queue, health, spool }
    }

    /// Gives a callback to the lane, for good.
    pub(in crate::accept) fn hand_over(&self, received: Received) -> Result<HandedOver, Refusal> {
        let (sender, answer) = oneshot::channel();
        let id = received.row.id;
        self.queue.try_send(Waiting { received, answer: sender }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::NotStored,
        })?;
        Ok(HandedOver { id, answer })
    }

    /// How many callbacks wait for their write.
    pub(in crate::accept) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// What the spool holds; none where there is none.
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

impl HandedOver {
    /// Waits until the callback is durable.
    pub(in crate::accept) async fn accepted(self) -> Result<Accepted, Refusal> {
        match timeout(ANSWER_DEADLINE, self.answer).await {
            Ok(Ok(outcome)) => outcome.map(|()| Accepted(self.id)),
            _ => Err(Refusal::NotStored),
        }
    }
}
