//! How full a spool is.

use time::OffsetDateTime;

use crate::store::callback::CallbackRow;

/// What is counted for a callback besides its headers and its body: its other fields and its share of the pages.
const OVERHEAD: u64 = 256;

/// What a spool holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    /// Callbacks that are on their way to the database.
    pub(crate) callbacks: u64,
    /// When the first of them arrived.
    pub(crate) oldest: Option<OffsetDateTime>,
    /// Callbacks that the database refuses as data.
    pub(crate) quarantined: u64,
    /// What both weigh against the spool's bound.
    pub(crate) bytes: u64,
}

/// What a callback weighs. The overhead makes the bound one of rows too.
pub(super) fn weight(row: &CallbackRow) -> u64 {
    (row.headers.len() + row.body.len()) as u64 + OVERHEAD
}
