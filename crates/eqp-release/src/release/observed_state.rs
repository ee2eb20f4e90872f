//! The observed state of a release at the Marketplace. Nothing is stored between runs.

use eqp_types::{EqpStatus, SubmissionId};

use crate::dependencies::Dependency;

/// The observed state of a release.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ObservedState {
    /// The files.
    pub(super) files: FilesState,
    /// The submission, if there is one.
    pub(super) submission: Option<ObservedSubmission>,
    /// Other versions of the same product that are in review.
    pub(super) others_in_review: Vec<SubmissionId>,
    /// The packages of the same vendor that the archive requires.
    pub(super) dependencies: DependenciesState,
    /// Whether this run has submitted the package. If so, a later rejection or recall ends the release instead of causing another submission.
    pub(super) submitted: bool,
}

/// The combined state of the required packages of the same vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DependenciesState {
    /// Not observed yet.
    Unknown,
    /// These packages are not ready.
    Unmet(Vec<Dependency>),
    /// The store has all of them, or there are none.
    Met,
}

/// The combined state of the files of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilesState {
    /// Not observed yet.
    Unknown,
    /// At least one file is not uploaded.
    Missing,
    /// All files are uploaded, and at least one scan is in progress.
    Scanning,
    /// At least one scan has failed.
    Infected,
    /// All files are uploaded, and all scans have passed.
    Clean,
}

/// The difference between the submission and the package to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diff {
    /// Not observed yet.
    Unknown,
    /// There is no difference.
    Same,
    /// There is a difference.
    Different,
}

/// An existing submission.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ObservedSubmission {
    /// The status of its flows.
    pub(super) status: EqpStatus,
    /// The difference of the archive.
    pub(super) archive: Diff,
    /// The difference of the other fields.
    pub(super) listing: Diff,
}
