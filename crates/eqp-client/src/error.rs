//! What can go wrong, in one enum. Every error says which call it was, what came back, and whether to try again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eqp_types::{ApiError, MageId};

use crate::callbacks::{EntryName, Refusal, RegistrationError};
use crate::problem::{Call, FileProblem, TlsProblem};
use crate::redact::{KeptBody, looks_like_markup};

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
    /// Whoever changes the list has lost the right to, right before it was written; nothing was sent.
    #[error("the right to change the list of callbacks was lost; nothing was sent")]
    NotOurs(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer without a list of callbacks that is no whole profile either: taken for an empty list, it would lead to
    /// one that deletes everybody's entries.
    #[error("the answer is not the account's profile, so its list of callbacks is not known")]
    NoProfile,
    /// The answer is the profile of another account than the one that was asked for.
    #[error("the profile of {asked} was asked for, and the answer is that of {answered}")]
    OtherAccount {
        /// The account of the session.
        asked: MageId,
        /// The account in the answer.
        answered: MageId,
    },
    /// Somebody changed the list of callbacks after the plan was made; nothing was sent.
    #[error("the list of callbacks was changed by somebody else meanwhile; nothing was sent, plan again")]
    ListChanged,
    /// The list of callbacks was written, and could not be read back: whether all is well is unknown.
    #[error("the list of callbacks was written but could not be read back: {0}")]
    NotReadBack(#[source] Box<Error>),
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
    /// The error that decides what kind this one is: its own cause, if it only says when that happened.
    fn decisive(&self) -> &Self {
        match self {
            Self::Session(source) => source.decisive(),
            Self::NotReadBack(source) => source.decisive(),
            own => own,
        }
    }

    /// Whether trying the same again can help.
    pub fn is_retryable(&self) -> bool {
        match self.decisive() {
            Self::Connect { .. } | Self::Deadline { .. } | Self::Interrupted { .. } | Self::ListChanged => true,
            Self::Refused { status, code, .. } => matches!(meant(*status, *code), 408 | 429 | 500..),
            _ => false,
        }
    }

    /// Whether the server may have done what was asked although the call failed.
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => matches!(meant(*status, *code), 408 | 500..),
            Self::Deadline { .. }
            | Self::Interrupted { .. }
            | Self::Shape { .. }
            | Self::TooLarge { .. }
            | Self::NotReadBack(_)
            | Self::NotVerified { .. } => true,
            _ => false,
        }
    }

    /// The call that failed, if one was made.
    pub fn call(&self) -> Option<&Call> {
        match self.decisive() {
            Self::Connect { call, .. }
            | Self::Tls { call, .. }
            | Self::Deadline { call, .. }
            | Self::Interrupted { call, .. }
            | Self::Refused { call, .. }
            | Self::Shape { call, .. }
            | Self::TooLarge { call, .. } => Some(call),
            _ => None,
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self.decisive() {
            Self::Refused { status, .. } | Self::Shape { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The API's own code, if it sent one.
    pub fn code(&self) -> Option<i64> {
        match self.decisive() {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }

    /// The body of the answer without secrets, for a debugging output.
    pub fn body(&self) -> Option<&KeptBody> {
        match self.decisive() {
            Self::Refused { body, .. } | Self::Shape { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Whether the API refused the request, whatever the HTTP status it did so with.
    pub fn is_refusal(&self) -> bool {
        match self.decisive() {
            Self::Refused { status, code, .. } => matches!(meant(*status, *code), 200..=299 | 400..=499),
            _ => false,
        }
    }

    /// Whether the key or the token is not accepted.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.meant(), Some(401 | 403)) && !self.is_blocked()
    }

    /// Whether a new token may help.
    pub(crate) fn is_unauthorized_token(&self) -> bool {
        self.meant() == Some(401)
    }

    /// Whether something between here and the API refused the request: a firewall that answers 403 with a page, a proxy
    /// that wants to know who asks.
    pub fn is_blocked(&self) -> bool {
        match self.decisive() {
            Self::Refused { status: 403, body, .. } => looks_like_markup(body.as_str().as_bytes()),
            Self::Refused { status: 407, .. } => true,
            _ => false,
        }
    }

    /// Whether the answer was a redirect: none is followed.
    pub fn is_redirect(&self) -> bool {
        matches!(self.decisive(), Self::Refused { status: 300..=399, .. })
    }

    /// Whether a submission was refused only because the malware scan of one of its files has not ended.
    pub fn is_scan_in_progress(&self) -> bool {
        self.code() == Some(ApiError::SCAN_IN_PROGRESS)
    }

    /// Whether what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.meant() == Some(404)
    }

    /// The HTTP status that was meant.
    fn meant(&self) -> Option<u16> {
        match self.decisive() {
            Self::Refused { status, code, .. } => Some(meant(*status, *code)),
            _ => self.status(),
        }
    }

    /// The Marketplace cannot be reached or does not answer.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self.decisive(),
            Self::Connect { .. } | Self::Tls { .. } | Self::Deadline { .. } | Self::Interrupted { .. }
        )
    }
}

/// An error that comes with HTTP 200 says in its `code` what it is, where that is one of HTTP's.
fn meant(status: u16, code: Option<i64>) -> u16 {
    let code = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
    if (200..300).contains(&status) { code.unwrap_or(status) } else { status }
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
