//! The error of a task on another thread.

/// The reason why a task ended early: it panicked, or the runtime was shut down.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TaskError(pub(crate) tokio::task::JoinError);
