//! The result of a run.

use std::fmt;

use eqp_types::{Environment, MageId};
use serde::Serialize;
use strum::{Display, IntoStaticStr};
use time::OffsetDateTime;

use super::difference::Difference;
use super::error::{ReconcileError, Result};

/// The number of unreadable submissions and files that a report contains.
const MAX_UNREADABLE: usize = 100;

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
    /// The submissions and files whose status cannot be read, each with its reason, at most 100. All others were compared.
    pub unreadable: Vec<String>,
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
            unreadable: Vec::new(),
        }
    }

    /// Records a submission or file that cannot be read.
    pub(super) fn unreadable(&mut self, reason: String) {
        // Pages overlap, so a record can be read twice.
        if self.unreadable.len() < MAX_UNREADABLE && !self.unreadable.contains(&reason) {
            tracing::warn!(reason, mage_id = %self.mage_id, environment = %self.environment, "skipping a record of the Marketplace that cannot be read");
            self.unreadable.push(reason);
        }
    }

    /// Records that `resource` cannot be read, if that is the reason for the error. Any other error is returned.
    pub(super) fn unless_unreadable(&mut self, resource: fmt::Arguments<'_>, error: ReconcileError) -> Result {
        match error {
            ReconcileError::Marketplace(eqp_client::Error::UnexpectedResponse { field, problem, .. }) => {
                self.unreadable(format!("{resource}: `{field}`: {problem}"));
                Ok(())
            }
            other => Err(other),
        }
    }

    pub(super) fn count(&mut self, difference: &Difference) {
        self.differences += 1;
        self.baseline += u64::from(difference.baseline);
    }
}
