//! The error type of a check. Violations of rules are not errors; they are part of the report.

use std::path::PathBuf;

/// The reason why a check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The path is a folder, or something else that is not a regular file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A suppression names an unknown rule.
    #[error("unknown rule `{id}`")]
    UnknownRule {
        /// The unknown ID.
        id: String,
    },
    /// A suppression has no reason.
    #[error("the suppression of `{id}` has no reason")]
    NoReason {
        /// The ID of the rule.
        id: String,
    },
    /// The check was cancelled.
    #[error("the check was cancelled")]
    Cancelled,
    /// The archive has no readable composer.json.
    #[error("{}: {reason}", path.display())]
    NoMetadata {
        /// The archive.
        path: PathBuf,
        /// The reason why it cannot be read.
        reason: String,
    },
}
