//! Errors of reading release notes.

use std::path::PathBuf;

/// The reason why there are no release notes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotesError {
    /// None of the sources has notes for the version.
    #[error("there are no release notes for version {version}")]
    Missing {
        /// The version.
        version: String,
        /// The sources in the order in which they were read, each with the reason.
        tried: Vec<Tried>,
    },
    /// The version is not known, so that no section can be found.
    #[error("the version is not known, so that its release notes cannot be found")]
    NoVersion,
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The notes are longer than the store accepts.
    #[error("the release notes from {source_name} have {characters} characters, but the store accepts at most {limit}")]
    TooLong {
        /// The source.
        source_name: String,
        /// The length as HTML, in characters.
        characters: usize,
        /// The maximum length.
        limit: usize,
    },
    /// The code host cannot be reached, or its response cannot be read.
    #[error("cannot read the release {tag} from {host}: {reason}")]
    Host {
        /// The name of the host.
        host: String,
        /// The tag.
        tag: String,
        /// The reason, without secrets.
        reason: String,
        /// The cause, if the request failed.
        source: Option<HttpFailure>,
    },
    /// The code host rejected the token, or needs one.
    #[error("{host} did not allow to read the release {tag} (HTTP {status})")]
    NotAllowed {
        /// The name of the host.
        host: String,
        /// The tag.
        tag: String,
        /// The HTTP status.
        status: u16,
    },
}

/// A source that has no notes for the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The source, such as the name of a file.
    pub source: String,
    /// The reason why it has none.
    pub reason: String,
}

/// A failure of an HTTP request.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HttpFailure(pub(super) reqwest::Error);
