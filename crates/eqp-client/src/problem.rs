//! Details of errors: the call, the certificate problem, the file problem.

use std::fmt;
use std::path::PathBuf;

use eqp_types::calls::ApiCall;

/// A call that was made, as errors report it: without its query and without secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The entry in the table of calls.
    pub api_call: &'static ApiCall,
    /// The path that was requested.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_call.method, self.path)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}: {self}`", self.api_call.name)
    }
}

/// The reason why the server's certificate was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProblem {
    /// It was not issued by a CA that this machine trusts.
    NotTrusted,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It was issued for other names.
    WrongName {
        /// The names in the certificate.
        belongs_to: Vec<String>,
    },
    /// Any other problem of the TLS handshake.
    Other(String),
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTrusted => {
                f.write_str("its certificate was issued by an unknown CA (for a simulator, specify its CA file)")
            }
            Self::Expired => f.write_str("its certificate has expired (or this machine's clock is ahead)"),
            Self::NotYetValid => f.write_str("its certificate is not valid yet (or this machine's clock is behind)"),
            Self::WrongName { belongs_to } if belongs_to.is_empty() => {
                f.write_str("its certificate is for another name")
            }
            Self::WrongName { belongs_to } => {
                write!(f, "its certificate is for another name: {}", belongs_to.join(", "))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The reason why a file was not uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileProblem {
    /// It cannot be read.
    Unreadable(String),
    /// It is a folder.
    Folder,
    /// It is a pipe, a device or a socket.
    NotAFile,
    /// It is empty.
    Empty,
    /// It exceeds the size limit of the Marketplace.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The Marketplace does not accept files with its extension.
    UnknownType,
    /// Its name is not UTF-8 or contains control characters.
    UnusableName,
    /// Its size changed between the check and the upload.
    Changed {
        /// Its size before, in bytes.
        expected: u64,
    },
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Folder => f.write_str("is a folder; upload the files in it, or a zip of it"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::Empty => f.write_str("is empty"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "has {bytes} bytes, but the limit for its type is {limit}")
            }
            Self::UnknownType => {
                f.write_str("has an unsupported type; the Marketplace accepts zip, pdf, png, jpg, jpeg and gif")
            }
            Self::UnusableName => f.write_str("has a name that is not UTF-8 or contains control characters"),
            Self::Changed { expected } => {
                write!(f, "changed while it was uploaded: it had {expected} bytes before; upload it again")
            }
        }
    }
}

/// The reason why a file could not be sent completely. The HTTP client returns it as the cause of its own error.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", path.display())]
pub(crate) struct ChangedFile {
    pub(crate) path: PathBuf,
    pub(crate) problem: FileProblem,
}
