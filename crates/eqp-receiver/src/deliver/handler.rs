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
    /// Works on one event. The next one comes when this has succeeded or failed for good.
    ///
    /// The future is dropped when the receiver shuts down before it is ready.
    async fn handle(&self, event: &Event) -> Result<(), HandlerError>;
}

/// Why a handler could not work on an event.
#[derive(Debug, thiserror::Error)]
#[error("{}", if *.for_good { "failed for good" } else { "failed" })]
pub struct HandlerError {
    for_good: bool,
    source: Box<dyn StdError + Send + Sync>,
}

impl HandlerError {
    /// Trying again can help: the event comes again, after a wait that grows from try to try.
    pub fn retry(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { for_good: false, source: source.into() }
    }

    /// Trying again cannot help: the event is passed over, and the failure is logged.
    pub fn for_good(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { for_good: true, source: source.into() }
    }

    /// Trying again can help.
    pub fn is_retryable(&self) -> bool {
        !self.for_good
    }
}
