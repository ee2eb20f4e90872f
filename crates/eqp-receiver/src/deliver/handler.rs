//! What a service that embeds the receiver writes.

use std::error::Error as StdError;

use async_trait::async_trait;

use crate::Event;

/// Takes events, one after the other, in the order of their `seq`.
///
/// Each event comes at least once: again after an error, and again when the process ended before the answer was
/// recorded. A handler should do nothing more when it sees a `seq` that it has worked on.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Works on one event. The next one comes when this has succeeded, or the event has become a [dead letter].
    ///
    /// The future is always run to its end, also while the database cannot be reached or another process takes over; only
    /// a shutdown drops it if it is not ready within ten seconds. A panic counts as a failure that is worth another try.
    ///
    /// [dead letter]: crate::Reader::dead_letters
    async fn handle(&self, event: &Event) -> Result<(), HandlerError>;

    /// How often an event is given to this handler before it becomes a dead letter. The waits between the attempts double
    /// from 200 ms to one minute, so the usual 20 attempts take a quarter of an hour.
    fn most_attempts(&self) -> u32 {
        20
    }
}

/// Why a handler could not work on an event.
#[derive(Debug, thiserror::Error)]
#[error("{}", if *.for_good { "failed for good" } else { "failed" })]
pub struct HandlerError {
    for_good: bool,
    source: Box<dyn StdError + Send + Sync>,
}

impl HandlerError {
    /// Trying again can help: the event comes again, after a wait that grows from try to try, but not more often than
    /// [`Handler::most_attempts`] says.
    pub fn retry(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { for_good: false, source: source.into() }
    }

    /// Trying again cannot help: the event is passed over, and recorded as a dead letter.
    pub fn for_good(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { for_good: true, source: source.into() }
    }

    /// Trying again can help.
    pub fn is_retryable(&self) -> bool {
        !self.for_good
    }
}
