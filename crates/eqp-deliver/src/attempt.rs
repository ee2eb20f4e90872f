//! The results of attempts to handle an event.

/// The result of an event.
pub(crate) enum Handled {
    Done,
    /// The event became a dead letter.
    DeadLettered {
        attempts: u32,
        error: String,
    },
    /// The event will be delivered by another process.
    LeaseIsLost,
    /// The event will be delivered again after the next start.
    Shutdown,
}

/// The result of one attempt.
pub(crate) enum Attempt {
    Done,
    Failed { retry: bool, error: String },
    LeaseIsLost,
    Dropped,
}
