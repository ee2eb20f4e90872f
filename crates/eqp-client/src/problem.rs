//! What errors are about: the call, the certificate, the file.

use std::fmt;

use crate::endpoint::Endpoint;

/// A call that was made, for errors. Never with a secret, and without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Which call it was.
    pub endpoint: &'static Endpoint,
    /// The path as it was sent.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.endpoint.method, self.path)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}: {self}`", self.endpoint.name)
    }
}

/// Why the server's certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProblem {
    /// Nobody that this machine trusts issued it.
    NotTrusted,
    /// It is past its end.
    Expired,
    /// It is not good yet.
    NotYetValid,
    /// It belongs to other names.
    WrongName {
        /// The names that it belongs to.
        belongs_to: Vec<String>,
    },
    /// Something else about the handshake.
    Other(String),
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTrusted => f.write_str(
                "its certificate is not trusted: whoever issued it is unknown here (for a simulator, name its CA file)",
            ),
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

/// Why a file was not uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileProblem {
    /// It cannot be read.
    Unreadable(String),
    /// It is a folder.
    Folder,
    /// It is a pipe, a device, a socket.
    NotAFile,
    /// It has no bytes.
    Empty,
    /// It has more bytes than the Marketplace takes.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The most that is taken, in bytes.
        limit: u64,
    },
    /// Its extension is none that the Marketplace takes.
    UnknownType,
    /// Its name is not UTF-8 or holds control characters.
    UnusableName,
    /// It had another size when it was sent than when it was looked at.
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
            Self::NotAFile => f.write_str("is no ordinary file"),
            Self::Empty => f.write_str("is empty"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "has {bytes} bytes; the Marketplace takes {limit} of this type")
            }
            Self::UnknownType => f.write_str("is of no type that the Marketplace takes: zip, pdf, png, jpg, jpeg, gif"),
            Self::UnusableName => f.write_str("has a name that is not UTF-8 or holds control characters"),
            Self::Changed { expected } => {
                write!(f, "changed while it was uploaded: it had {expected} bytes before; upload it again")
            }
        }
    }
}
