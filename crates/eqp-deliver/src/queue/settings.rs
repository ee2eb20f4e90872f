//! The settings of a worker.

use std::sync::Arc;
use std::time::Duration;

use eqp_store::MasterKey;
use eqp_store::internal::{ReconcileRequests, Supervisor};
use eqp_store::sqlx::PgPool;
use tokio::sync::Notify;
use uuid::Uuid;

use super::handlers::BuildHandler;
use crate::message::{DescribeAlert, DescribeProduct};

/// The settings of a worker.
#[derive(Clone)]
pub(crate) struct WorkerSettings {
    pub(crate) pool: PgPool,
    pub(crate) key: MasterKey,
    pub(crate) instance: Uuid,
    pub(crate) build: BuildHandler,
    pub(crate) describe: DescribeAlert,
    pub(crate) describe_product: DescribeProduct,
    pub(crate) supervisor: Supervisor,
    /// Requests for the details of resources, which reconciliation reads.
    pub(crate) requests: ReconcileRequests,
    /// The time limit of one attempt.
    pub(crate) deadline: Duration,
    /// Notified when deliveries were inserted.
    pub(crate) inserted: Arc<Notify>,
}
