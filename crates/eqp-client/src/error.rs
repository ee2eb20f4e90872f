//! What can go wrong, in one enum. Every error says which call it was, what came back, and whether to try again.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eqp_types::IdError;

use crate::callbacks::{EntryName, Refusal, RegistrationError};
use crate::endpoint::Endpoint;
use crate::redact::KeptBody;

/// A call that was made, for errors. Never with a secret, and without its query.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API's URL cannot be used.
    #[error("the API URL `{url}` cannot be used: {reason}")]
    ApiUrl {
        /// The URL, without credentials.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The extra CA is not a certificate in PEM form.
    #[error("the CA to trust cannot be used: {reason}")]
    TrustedCa {
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client could not be made, for example because this machine trusts no CA at all.
    #[error("cannot set up HTTPS")]
    Setup(#[source] reqwest::Error),
    /// An id that no path can carry.
    #[error("`{id}` cannot be used as an id in a path")]
    UnusableId {
        /// The id.
        id: String,
    },
    /// Text of the Marketplace or of the caller that cannot be an id.
    #[error("this id {0}")]
    Id(#[from] IdError),
    /// A value of the caller that JSON cannot hold.
    #[error("the request cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
    /// No connection: nothing was sent.
    #[error("{call}: cannot connect to {host}")]
    Connect {
        /// The call.
        call: Call,
        /// Where to.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server could not prove who it is: nothing was sent.
    #[error("{call}: {host} cannot be trusted: {problem}")]
    Tls {
        /// The call.
        call: Call,
        /// Whom we asked.
        host: String,
        /// What is wrong with its certificate.
        problem: TlsProblem,
    },
    /// No answer, or not all of it, within the deadline; what the server did is unknown.
    #[error("{call}: no answer within {} s", after.as_secs_f32())]
    Deadline {
        /// The call.
        call: Call,
        /// The deadline of one try.
        after: Duration,
    },
    /// The connection broke before the whole answer was there; what the server did is unknown.
    #[error("{call}: the connection broke before the answer was there")]
    Interrupted {
        /// The call.
        call: Call,
        /// Why.
        source: reqwest::Error,
    },
    /// The server answered with something else than success.
    #[error("{call}: {}", refusal(*status, *code, message))]
    Refused {
        /// The call.
        call: Call,
        /// The HTTP status; of a bad item in a batch 200.
        status: u16,
        /// The API's own code.
        code: Option<i64>,
        /// The API's message, or a short text made of what a proxy sent instead.
        message: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// The body, without secrets.
        body: KeptBody,
    },
    /// The answer is a success, but not of the documented shape.
    #[error("{call}: HTTP {status} with an answer that cannot be read: {problem}{}", at(field))]
    Shape {
        /// The call.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// The field that is wrong, as `items[0].size`; empty if the whole answer is.
        field: String,
        /// What is wrong.
        problem: String,
        /// The body, without secrets.
        body: KeptBody,
    },
    /// The answer is larger than this client takes.
    #[error("{call}: the answer has more than {limit} bytes")]
    TooLarge {
        /// The call.
        call: Call,
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// No session token could be had; all calls that waited for it get the same error.
    #[error("no session: {0}")]
    Session(#[source] Arc<Error>),
    /// A file was not uploaded.
    #[error("{} {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: FileProblem,
    },
    /// A registration that is wished for cannot be.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The list of callbacks cannot be rewritten without harm.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The store of passwords failed.
    #[error("the store of callback passwords failed")]
    PasswordStore(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Somebody changed the list of callbacks after the plan was made; nothing was sent.
    #[error("the list of callbacks was changed by somebody else meanwhile; nothing was sent, plan again")]
    ListChanged,
    /// After the write the list is not what was planned.
    #[error("the list of callbacks is not what was written: {}", difference(missing, remaining))]
    NotVerified {
        /// Entries that should be there and are not.
        missing: Vec<EntryName>,
        /// Entries that should be gone and are there.
        remaining: Vec<EntryName>,
    },
}

impl Error {
    /// Whether trying the same again can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Deadline { .. } | Self::Interrupted { .. } | Self::ListChanged => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::Session(source) => source.is_retryable(),
            _ => false,
        }
    }

    /// Whether the server may have done what was asked although the call failed.
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Deadline { .. } | Self::Interrupted { .. } | Self::Shape { .. } | Self::TooLarge { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 500..),
            _ => false,
        }
    }

    /// The call that failed, if one was made.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Connect { call, .. }
            | Self::Tls { call, .. }
            | Self::Deadline { call, .. }
            | Self::Interrupted { call, .. }
            | Self::Refused { call, .. }
            | Self::Shape { call, .. }
            | Self::TooLarge { call, .. } => Some(call),
            Self::Session(source) => source.call(),
            _ => None,
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Shape { status, .. } => Some(*status),
            Self::Session(source) => source.status(),
            _ => None,
        }
    }

    /// The API's own code, if it sent one.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Session(source) => source.code(),
            _ => None,
        }
    }

    /// The body of the answer without secrets, for a debugging output.
    pub fn body(&self) -> Option<&KeptBody> {
        match self {
            Self::Refused { body, .. } | Self::Shape { body, .. } => Some(body),
            Self::Session(source) => source.body(),
            _ => None,
        }
    }

    /// The key or the token is not accepted.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// What was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// The Marketplace cannot be reached or does not answer.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Tls { .. } | Self::Deadline { .. } | Self::Interrupted { .. } => true,
            Self::Session(source) => source.is_unreachable(),
            _ => false,
        }
    }
}

fn refusal(status: u16, code: Option<i64>, message: &str) -> String {
    let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    format!("HTTP {status}{code}{message}")
}

fn at(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(" (at `{field}`)") }
}

fn difference(missing: &[EntryName], remaining: &[EntryName]) -> String {
    let named = |entries: &[EntryName]| entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", named(missing)));
    }
    if !remaining.is_empty() {
        parts.push(format!("still there {}", named(remaining)));
    }
    parts.join("; ")
}
