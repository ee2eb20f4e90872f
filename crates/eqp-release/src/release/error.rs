//! The error type of a release.

use std::fmt;
use std::path::PathBuf;

use super::step::Step;
use crate::check::TaskError;
use crate::manifest::PackageError;

/// A change of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The creation of a draft.
    Create,
    /// An update and submission.
    Submit,
    /// A recall from review.
    Recall,
}

/// Displays the change as a participle, such as `created`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "created",
            Self::Submit => "submitted",
            Self::Recall => "recalled",
        })
    }
}

/// The reason why a release failed. Any other end is a [`ReleaseResult`](super::ReleaseResult).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request to the Marketplace failed.
    #[error(transparent)]
    Marketplace(#[from] eqp_client::Error),
    /// The package cannot be sent.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The name of a file is not UTF-8.
    #[error("the name of {} is not UTF-8", path.display())]
    Unnamed {
        /// The file.
        path: PathBuf,
    },
    /// The task that reads a file was aborted.
    #[error("reading a file was aborted")]
    ReadAborted(#[source] TaskError),
    /// The ID of the package belongs to a submission of another version.
    #[error("{id} is version {found}, but version {expected} was requested")]
    OtherVersion {
        /// The ID.
        id: String,
        /// The version of the submission.
        found: String,
        /// The version to release.
        expected: String,
    },
    /// Manifest and archive have different versions.
    #[error("the manifest has version {manifest}, but composer.json in the archive has version {archive}")]
    VersionMismatch {
        /// The version in the manifest.
        manifest: String,
        /// The version in the archive.
        archive: String,
    },
    /// A step was repeated without a visible effect.
    #[error("{label} makes no progress: failed to {} {attempts} times", step.description())]
    Stalled {
        /// The name of the package, for messages.
        label: String,
        /// The step.
        step: Step,
        /// The number of attempts.
        attempts: usize,
    },
    /// The Marketplace rejected a change of the package.
    #[error("{label} was not {change}: {}", message.as_deref().unwrap_or("no reason given"))]
    Rejected {
        /// The name of the package, for messages.
        label: String,
        /// The change.
        change: Change,
        /// The error code.
        code: Option<i64>,
        /// The message of the Marketplace.
        message: Option<String>,
    },
    /// The response to a change is empty.
    #[error("the response of the Marketplace does not show whether the package was {change}")]
    NoAnswer {
        /// The change.
        change: Change,
    },
    /// The submission has no ID.
    #[error("the Marketplace returned the submission without its ID")]
    NoSubmissionId,
    /// The caller's [`Progress`](super::Progress) requested the stop.
    #[error("release stopped by the caller")]
    Stopped,
}
