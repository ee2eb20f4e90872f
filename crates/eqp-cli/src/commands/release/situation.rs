//! Where a release stands, as the Marketplace tells it. Nothing of it is remembered from an earlier run.

use eqp_types::{EqpStatus, SubmissionId};

/// Where a release stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Situation {
    /// Its files.
    pub(super) files: Files,
    /// Its submission, if there is one.
    pub(super) submission: Option<Known>,
    /// Other versions of the same product that are in review.
    pub(super) others_in_review: Vec<SubmissionId>,
    /// This run has submitted it: what is rejected or taken back after that is an end, and no beginning.
    pub(super) submitted: bool,
}

/// How far the files of a release are, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Files {
    /// Nobody looked, because nobody needed to know.
    NotLookedAt,
    /// At least one is not there.
    Missing,
    /// All are there, and at least one is being scanned.
    Scanning,
    /// At least one is not clean.
    Infected,
    /// All are there and clean.
    Clean,
}

/// Whether what the Marketplace has is what is to be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    /// Nobody looked.
    NotLookedAt,
    /// It is the same.
    Same,
    /// It is something else.
    Other,
}

/// A submission that is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    /// How far its flows are.
    pub(super) status: EqpStatus,
    /// Its archive, against the one to be released.
    pub(super) archive: Sameness,
    /// Its other fields.
    pub(super) listing: Sameness,
}
