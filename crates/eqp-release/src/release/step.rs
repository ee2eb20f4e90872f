//! The steps and the results of a release.

use eqp_types::{Flow, OverallStatus, SubmissionId};

use super::target::Reviews;
use crate::dependencies::Dependency;

/// A step of a release.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Finds out whether the store has the packages of the same vendor that the archive requires.
    FindDependencies,
    /// Waits until the store has these packages, which the archive requires.
    WaitForDependencies(Vec<Dependency>),
    /// Finds the files that the Marketplace already has.
    FindFiles,
    /// Uploads the missing files.
    Upload,
    /// Waits for the malware scans.
    WaitForScans,
    /// Recalls other versions from review.
    RecallOthers(Vec<SubmissionId>),
    /// Recalls this version to change it.
    RecallThis(Reviews),
    /// Creates the submission as a draft.
    Create,
    /// Updates the submission and submits it for these reviews. This is one request, so that a killed run cannot leave a changed submission
    /// that is not submitted.
    Submit(Reviews),
    /// Waits for the result of the reviews.
    WaitForReview,
    /// Ends the release.
    End(ReleaseResult),
}

impl Step {
    /// Returns the infinitive of the step, without "to".
    pub fn description(&self) -> &'static str {
        match self {
            Self::FindDependencies => "find the required packages",
            Self::WaitForDependencies(_) => "wait for the required packages",
            Self::FindFiles => "find the files",
            Self::Upload => "upload the files",
            Self::WaitForScans => "wait for the scans",
            Self::RecallOthers(_) => "recall other versions",
            Self::RecallThis(_) => "recall this version",
            Self::Create => "create the package",
            Self::Submit(_) => "submit the package",
            Self::WaitForReview => "wait for the review",
            Self::End(_) => "end",
        }
    }
}

/// The result of a release.
#[derive(Clone, Debug, PartialEq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ReleaseResult {
    /// The awaited status was reached.
    Reached,
    /// The package is submitted, and the target does not wait for more.
    Pending,
    /// The package was already in the store, and nothing was sent.
    AlreadyReleased,
    /// A review has rejected the package.
    Rejected(Flow),
    /// The malware scan of a file has failed.
    ScanFailed,
    /// The store does not have these packages of the same vendor, which the archive requires, and the target does not wait for them.
    DependenciesNotReady(Vec<Dependency>),
    /// The version was canceled or removed from the store.
    Closed(OverallStatus),
    /// The version was recalled by someone else during the wait.
    Recalled(Flow),
    /// This version is in review with another archive, and the target does not supersede it.
    InReview,
    /// Other versions of the product are in review, and the target does not supersede them.
    OthersInReview(Vec<SubmissionId>),
    /// This version has passed its technical review with another archive, which cannot be replaced.
    VersionTaken,
    /// The awaited status also needs this review, which is neither requested nor in progress.
    Unreachable(Flow),
}

impl ReleaseResult {
    /// Returns the name of the result, as in JSON.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}
