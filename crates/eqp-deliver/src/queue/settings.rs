//! The settings of a worker.

use std::sync::Arc;
use std::time::Duration;

use eqp_store::MasterKey;
use eqp_store::internal::Supervisor;
use eqp_store::sqlx::PgPool;
use tokio::sync::Notify;

use super::handlers::BuildHandler;
use super::message::MessageSource;

/// The settings of a worker.
#[derive(Clone)]
pub(crate) struct WorkerSettings {
    pub(crate) pool: PgPool,
    pub(crate) key: MasterKey,
    pub(crate) build: BuildHandler,
    pub(crate) messages: MessageSource,
    pub(crate) supervisor: Supervisor,
    /// The time limit of one attempt.
    pub(crate) deadline: Duration,
    /// Notified when deliveries were inserted.
    pub(crate) inserted: Arc<Notify>,
}
