//! The trait that a service implements, its error, and the handle of a running handler.

use std::error::Error as StdError;
use std::sync::Arc;

use async_trait::async_trait;
use eqp_store::Event;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

/// Processes events, one at a time, in the order of their `seq`.
///
/// Each event is delivered at least once: again after an error, and again if the process ended before the result was recorded. A handler
/// should therefore ignore an event whose `seq` it has already processed.
///
/// ```
/// use eqp_deliver::{Event, Handler, HandlerError};
///
/// struct PrintEvents;
///
/// #[async_trait::async_trait]
/// impl Handler for PrintEvents {
///     async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
///         let status = event.status.as_deref().ok_or_else(|| HandlerError::permanent("the event has no status"))?;
///         println!("{}: {status}", event.seq);
///         Ok(())
///     }
///
///     fn max_attempts(&self) -> u32 {
///         3
///     }
/// }
/// ```
#[async_trait]
pub trait Handler: Send + Sync {
    /// Processes one event. The next event is delivered when this has succeeded or the event has become a [dead letter].
    ///
    /// The future always runs to completion, even if the database becomes unavailable or another process takes over. Only a shutdown
    /// drops it, if it does not finish within ten seconds. A panic counts as a retryable failure.
    ///
    /// # Errors
    ///
    /// Return [`HandlerError::retry`] to receive the event again after a wait, and [`HandlerError::permanent`] to make it a dead letter.
    ///
    /// [dead letter]: eqp_store::Reader::dead_letters
    async fn handle(&self, event: &Event) -> Result<(), HandlerError>;

    /// Returns how many attempts are made for an event before it becomes a dead letter. The waits between attempts double from 200 ms up
    /// to one minute, so the default of 20 attempts takes about a quarter of an hour.
    fn max_attempts(&self) -> u32 {
        20
    }
}

#[async_trait]
impl<H: Handler + ?Sized> Handler for Arc<H> {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        (**self).handle(event).await
    }

    fn max_attempts(&self) -> u32 {
        (**self).max_attempts()
    }
}

/// The reason why a handler could not process an event, and whether another attempt can help.
///
/// ```
/// let timeout = std::io::Error::from(std::io::ErrorKind::TimedOut);
/// assert!(eqp_deliver::HandlerError::retry(timeout).is_retryable());
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", if *.is_permanent { "failed permanently" } else { "failed" })]
pub struct HandlerError {
    is_permanent: bool,
    source: Box<dyn StdError + Send + Sync>,
}

impl HandlerError {
    /// Creates an error after which the event is delivered again, after a growing wait, up to [`Handler::max_attempts`] times.
    pub fn retry(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_permanent: false, source: source.into() }
    }

    /// Creates an error after which the event becomes a dead letter immediately.
    pub fn permanent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { is_permanent: true, source: source.into() }
    }

    /// Returns whether another attempt can help.
    pub fn is_retryable(&self) -> bool {
        !self.is_permanent
    }

    /// Returns the reasons, from the outermost to the innermost, in one line.
    pub(crate) fn reasons(&self) -> String {
        let mut texts = Vec::new();
        let mut source = self.source();
        while let Some(error) = source {
            texts.push(error.to_string());
            source = error.source();
        }
        texts.join(": ")
    }
}

/// A running handler, as [`HandlerLoop::spawn`](crate::HandlerLoop::spawn) returns it. Dropping it stops the handler, and
/// [`stop`](Self::stop) also waits until it has stopped.
#[derive(Debug)]
#[must_use = "the handler stops when this is dropped"]
pub struct RunningHandler {
    pub(crate) task: JoinHandle<()>,
    pub(crate) stop: DropGuard,
}

impl RunningHandler {
    /// Stops the handler and waits until it has stopped. The handler has ten seconds to finish the current event.
    ///
    /// # Panics
    ///
    /// Resumes a panic of the loop itself. A panic of the handler is a failed attempt and does not end the loop.
    pub async fn stop(self) {
        let Self { task, stop } = self;
        stop.disarm().cancel();
        if let Err(ended) = task.await
            && let Ok(panic) = ended.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
