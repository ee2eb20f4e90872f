//! The thread about a subject, which one of several workers starts.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::webhook::Exchange;
use crate::{AttemptOutcome, ChatMessage, ChatThread, ChatThreads, ChatThreadsError};

/// The interval at which a worker looks whether another one has written the first message.
const LOOK: Duration = Duration::from_millis(100);
/// The time limit for it. Afterwards the delivery is retried.
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread about a subject in a channel.
pub(crate) struct Thread<'a> {
    pub(crate) threads: &'a dyn ChatThreads,
    pub(crate) channel: &'a str,
    pub(crate) subject: &'a str,
    /// The end of the attempt.
    pub(crate) end: Instant,
}

impl Thread<'_> {
    /// Returns the first message. `None`: the caller has to write it, and then to [`save`](Self::save) it or to
    /// [`give_up`](Self::give_up).
    pub(crate) async fn begin(&self) -> Result<Option<ChatMessage>, Exchange> {
        let give_up = (Instant::now() + PATIENCE).min(self.end);
        loop {
            match self.threads.begin(self.channel, self.subject).await.map_err(|error| unavailable(&error))? {
                ChatThread::Started(first) => return Ok(Some(first)),
                ChatThread::Reserved => return Ok(None),
                ChatThread::BeingStarted if Instant::now() < give_up => sleep(LOOK).await,
                ChatThread::BeingStarted => {
                    return Err(Exchange::of(AttemptOutcome::RetryLater, "another worker is starting the thread"));
                }
            }
        }
    }

    /// Stores the first message, which was written.
    pub(crate) async fn save(&self, first: &ChatMessage) -> Result<(), Exchange> {
        self.threads.save(self.channel, self.subject, first).await.map_err(|error| unavailable(&error))
    }

    /// Leaves the first message to the next attempt. If this fails, the reservation ends later.
    pub(crate) async fn give_up(&self) {
        let _ = self.threads.release(self.channel, self.subject, None).await;
    }

    /// Forgets a first message that a user has deleted.
    pub(crate) async fn forget(&self, gone: &ChatMessage) -> Result<(), Exchange> {
        let released = self.threads.release(self.channel, self.subject, Some(gone)).await;
        released.map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &ChatThreadsError) -> Exchange {
    Exchange::of(AttemptOutcome::HandlerDown { retry_after: None }, &error.to_string())
}
