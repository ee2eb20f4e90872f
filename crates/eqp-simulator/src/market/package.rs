//! Submissions as they are remembered.

use eqp_types::{ItemId, SubmissionId, Timestamp};
use serde_json::{Map, Value};

use super::test_run::{Finding, TestRunEntry};
use crate::review::ReviewStatus;

/// One of the two reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Track {
    Technical,
    Marketing,
}

/// How often a review was begun, and which of its steps are still meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// Counts the submissions of this review.
    pub(crate) attempt: usize,
    /// Raised whenever the review begins or ends: what was scheduled before means nothing any more.
    pub(crate) generation: u64,
    /// The files were all clean, and the review's steps are scheduled.
    pub(crate) started: bool,
    /// How it is to end, whatever the script says.
    pub(crate) planned: Option<Finding>,
}

/// A submission as it is remembered.
#[derive(Clone, Debug)]
pub(crate) struct PackageEntry {
    pub(crate) submission_id: SubmissionId,
    pub(crate) item_id: Option<ItemId>,
    pub(crate) fields: Map<String, Value>,
    pub(crate) status: ReviewStatus,
    pub(crate) created_at: Timestamp,
    pub(crate) modified_at: Timestamp,
    pub(crate) technical: Round,
    pub(crate) marketing: Round,
    /// The review that changed last: it names a change of `overall` alone, for which the API has no flow.
    pub(crate) last: Track,
    pub(crate) test_runs: Vec<TestRunEntry>,
}

impl PackageEntry {
    /// A new draft, empty.
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

    /// The text of a field, or none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// What the submission is known by.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![self.submission_id.to_string()];
        words.extend(self.item_id.as_ref().map(ToString::to_string));
        words.extend([self.text("sku"), self.text("name")].into_iter().filter(|w| !w.is_empty()).map(str::to_owned));
        words
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
