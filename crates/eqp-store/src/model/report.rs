//! Status reports of both kinds, as the projector takes them from the queue: callbacks and API reads.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Account, ResourceKind};

/// A report that waits for its projection.
#[derive(Clone, Debug)]
pub struct PendingReport {
    pub id: Uuid,
    pub account: Arc<Account>,
    pub received_at: OffsetDateTime,
    pub body: Vec<u8>,
    /// The circumstances of an API read, or `None` for a callback.
    pub read: Option<ReadContext>,
}

/// The circumstances of an API read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadContext {
    /// The resource that was requested.
    pub resource_kind: ResourceKind,
    pub resource_id: String,
    /// When the request was sent.
    pub began_at: OffsetDateTime,
    /// Whether it describes what happened before the account was observed.
    pub baseline: bool,
}
