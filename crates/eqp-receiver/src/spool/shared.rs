//! The types of the spool that exist with and without the feature `spool`.

use time::OffsetDateTime;
use uuid::Uuid;

#[cfg(feature = "spool")]
use eqp_store::internal::callback::CallbackRow;
use eqp_store::internal::write::Failure;

/// The size that is assumed for a callback besides its headers and body: its other fields and its share of the file's pages.
#[cfg(feature = "spool")]
const OVERHEAD: u64 = 256;

/// The content of a spool, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Callbacks that wait to be written to the database.
    pub callbacks: u64,
    /// When the first of them was received.
    pub oldest: Option<OffsetDateTime>,
    /// Callbacks that Postgres rejects because of their data.
    pub quarantined: u64,
    /// The total size of both in bytes, as counted against the spool's maximum.
    pub bytes: u64,
}

/// Returns the size of a callback, as counted against the spool's maximum. The overhead also limits how many callbacks with
/// an empty body fit.
#[cfg(feature = "spool")]
pub(super) fn size(row: &CallbackRow) -> u64 {
    (row.headers.len() + row.body.len()) as u64 + OVERHEAD
}

/// The reason why the spool did not store or read something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSpooled {
    #[error("the spool is full")]
    Full,
    #[error("the spool cannot be read or written")]
    Failed,
}

/// The reason why draining stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrainError {
    /// The database failed.
    #[error("{0}")]
    Database(Failure),
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] NotSpooled),
}

/// The contents of an opened spool besides callbacks.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// The ID of the database that it belongs to.
    pub(crate) instance: Option<Uuid>,
    /// The endpoints as last loaded.
    pub(crate) snapshot: Option<Vec<u8>>,
}
