//! The settings of a worker.

use std::sync::Arc;
use std::time::Duration;

use eqp_store::internal::Supervisor;
use eqp_store::sqlx::PgPool;
use eqp_store::{MasterKey, Observer};
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
    /// Measures attempts and their results.
    pub(crate) observer: Observer,
    /// The time limit of one attempt.
    pub(crate) deadline: Duration,
    /// Notified when deliveries were inserted.
    pub(crate) inserted: Arc<Notify>,
}
