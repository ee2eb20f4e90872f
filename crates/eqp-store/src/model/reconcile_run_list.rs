//! Runs of the reconciliation as they are listed.

use eqp_types::{Environment, MageId, Timestamp};
use time::OffsetDateTime;

use super::RunKind;

/// Selects runs, which are listed newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub environment: Option<Environment>,
    pub mage_id: Option<MageId>,
    pub kind: Option<RunKind>,
    /// Only runs that failed (true), or that have not (false).
    pub has_failed: Option<bool>,
    /// Only runs with a lower number.
    pub before_id: Option<i64>,
    pub limit: u32,
}

/// A run of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRun {
    pub id: i64,
    pub environment: Environment,
    pub mage_id: MageId,
    pub kind: RunKind,
    pub started_at: OffsetDateTime,
    /// When the process last reported progress.
    pub heartbeat_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
    /// The latest `modified_at` that the run read.
    pub newest_modified_at: Option<Timestamp>,
    /// The submissions and files that were read.
    pub resources: u64,
    /// The API reads that were stored, because they said something new.
    pub stored: u64,
    pub error: Option<String>,
}
