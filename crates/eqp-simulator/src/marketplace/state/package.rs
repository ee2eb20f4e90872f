//! Stored submissions.

use eqp_types::{ItemId, SubmissionId, Timestamp};
use serde_json::{Map, Value};

use super::test_run::{Finding, TestRunEntry};
use crate::review::ReviewStatus;

/// The position of a package in the list of its account.
pub(crate) type PackageIndex = usize;

/// One of the two reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Track {
    Technical,
    Marketing,
}

/// The rounds of a review: how often it was submitted, and which scheduled steps are still valid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// The number of times that this review was submitted.
    pub(crate) attempt: usize,
    /// Increased whenever the review starts or ends, which invalidates steps that were scheduled before.
    pub(crate) generation: u64,
    /// Whether all files were clean and the review's steps are scheduled.
    pub(crate) started: bool,
    /// The result that was set through the control API; it takes precedence over the script.
    pub(crate) planned: Option<Finding>,
}

/// A stored submission.
#[derive(Clone, Debug)]
pub(crate) struct PackageEntry {
    pub(crate) submission_id: SubmissionId,
    pub(crate) item_id: Option<ItemId>,
    /// The fields that were sent, by their names in the API.
    ///
    /// A map, not an [`eqp_types::PackageDraft`]: the Marketplace saves drafts that our model rejects (a name sent as a
    /// number, `[]` for an object, prices in any format) and checks their values only when they are submitted. The
    /// rules about fields also go by name: which review may change a field, what a new version inherits, what lists
    /// filter and sort by. A test in `field` compares the names with those of the model.
    pub(crate) fields: Map<String, Value>,
    pub(crate) status: ReviewStatus,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
    pub(crate) technical: Round,
    pub(crate) marketing: Round,
    /// The review that changed last. A callback names it if only `overall` has changed, because the API has no flow for
    /// that.
    pub(crate) last: Track,
    pub(crate) test_runs: Vec<TestRunEntry>,
}

impl PackageEntry {
    /// Returns a new draft without fields.
    pub(crate) fn draft(submission_id: SubmissionId, created_at: Timestamp) -> Self {
        Self {
            submission_id,
            item_id: None,
            fields: Map::new(),
            status: ReviewStatus::draft(),
            created_at,
            modified_at: created_at,
            technical: Round::default(),
            marketing: Round::default(),
            last: Track::Technical,
            test_runs: Vec::new(),
        }
    }

    /// Returns the text of a field; empty if it is not set.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the IDs, SKU and name of the submission.
    pub(crate) fn identifiers(&self) -> Vec<String> {
        let mut identifiers = vec![self.submission_id.to_string()];
        identifiers.extend(self.item_id.as_ref().map(ToString::to_string));
        identifiers
            .extend([self.text("sku"), self.text("name")].into_iter().filter(|w| !w.is_empty()).map(str::to_owned));
        identifiers
    }

    pub(crate) fn round_mut(&mut self, track: Track) -> &mut Round {
        match track {
            Track::Technical => &mut self.technical,
            Track::Marketing => &mut self.marketing,
        }
    }

    pub(crate) fn round(&self, track: Track) -> &Round {
        match track {
            Track::Technical => &self.technical,
            Track::Marketing => &self.marketing,
        }
    }
}

/// Returns the text of a field that lists filter and sort by.
pub(crate) fn text_of(package: &PackageEntry, name: &str) -> String {
    let status = &package.status;
    match name {
        "submission_id" => package.submission_id.to_string(),
        "item_id" => package.item_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        "eqp_status.overall" => status.overall.to_string(),
        "eqp_status.technical" => status.technical.to_string(),
        "eqp_status.marketing" => status.marketing.to_string(),
        "created_at" => package.created_at.to_string(),
        "modified_at" => package.modified_at.to_string(),
        _ => scalar(&package.fields, name),
    }
}

fn scalar(fields: &Map<String, Value>, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        _ => String::new(),
    }
}
