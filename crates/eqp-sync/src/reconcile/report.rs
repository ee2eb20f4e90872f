//! The result of a run.

use eqp_types::{Environment, MageId};
use serde::Serialize;
use strum::{Display, IntoStaticStr};
use time::OffsetDateTime;

use super::difference::Difference;

/// The extent of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ReconcileKind {
    /// Everything that has changed since the last run.
    Incremental,
    /// Everything.
    Full,
    /// The requested packages only.
    Selected,
}

/// The result of a run: how much it has read, and how many differences it has found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReconcileReport {
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The extent of the run. An incremental run becomes a full one if it is the first, or if the Marketplace's list is not sorted.
    pub kind: ReconcileKind,
    /// When the run began.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub started_at: OffsetDateTime,
    /// When the run ended.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub finished_at: OffsetDateTime,
    /// The number of submissions that were read.
    pub submissions: u64,
    /// The number of files that were read.
    pub files: u64,
    /// The number of submissions and files that differ, including those of the baseline.
    pub differences: u64,
    /// The number of differences that belong to the baseline.
    pub baseline: u64,
    /// The number of responses that were stored for the projector; 0 in a dry run.
    pub stored: u64,
    /// The number of submissions and files about which a callback arrived while they were read. The next run reads them again.
    pub overtaken: u64,
    /// The requested submissions and products that the Marketplace does not have.
    pub not_found: Vec<String>,
}

impl ReconcileReport {
    pub(super) fn new(environment: Environment, mage_id: MageId, kind: ReconcileKind, now: OffsetDateTime) -> Self {
        Self {
            environment,
            mage_id,
            kind,
            started_at: now,
            finished_at: now,
            submissions: 0,
            files: 0,
            differences: 0,
            baseline: 0,
            stored: 0,
            overtaken: 0,
            not_found: Vec::new(),
        }
    }

    pub(super) fn count(&mut self, difference: &Difference) {
        self.differences += 1;
        self.baseline += u64::from(difference.baseline);
    }
}
