//! Why there is no report. What is wrong with an archive is in the report; this is what keeps one from being made.

use std::path::PathBuf;

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was named is a folder, or another thing that is no file.
    #[error("{} is not a file", path.display())]
    NoFile {
        /// What was named.
        path: PathBuf,
    },
    /// A rule is to be passed over that is not in the book.
    #[error("there is no rule `{id}`")]
    UnknownRule {
        /// What was written.
        id: String,
    },
    /// A rule is to be passed over without a reason.
    #[error("`{id}` is to be passed over without a reason")]
    NoReason {
        /// The rule.
        id: String,
    },
    /// Somebody asked to stop.
    #[error("stopped before the end")]
    Stopped,
    /// The archive has no composer.json that says what it is.
    #[error("{}: {why}", path.display())]
    NoFacts {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
