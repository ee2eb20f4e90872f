//! The error type of the client. An error names the call, what the server returned, and whether a retry can help.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eqp_types::{ApiError, JsonError, MageId};

use crate::callback_list::{EntryName, RegistrationError, UnknownPasswords};
use crate::problem::{Call, FileProblem, TlsProblem};
use crate::proxy::THROUGH_PROXY;
use crate::redact::{KeptBody, looks_like_markup};

/// The reason why a call failed.
///
/// # Errors of every call
///
/// Every call that contacts the Marketplace can return these variants:
///
/// - [`UnusableId`](Self::UnusableId) and [`Unwritable`](Self::Unwritable), before anything is sent
/// - [`Session`](Self::Session) if no session token can be obtained
/// - [`Connect`](Self::Connect), [`Tls`](Self::Tls), [`Timeout`](Self::Timeout) and [`Interrupted`](Self::Interrupted) if the request
///   or its response is not transmitted completely
/// - [`Rejected`](Self::Rejected) if the server reports an error
/// - [`UnexpectedResponse`](Self::UnexpectedResponse) and [`TooLarge`](Self::TooLarge) if the response cannot be read
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API's URL cannot be used.
    #[error("the API URL `{url}` cannot be used: {reason}")]
    ApiUrl {
        /// The URL, without credentials.
        url: String,
        /// The reason why it cannot be used.
        reason: &'static str,
    },
    /// The application ID of the access key cannot be sent.
    #[error("the application ID cannot be used: {reason}")]
    ApplicationId {
        /// The reason why it cannot be used.
        reason: &'static str,
    },
    /// An additional CA certificate is not valid PEM.
    #[error("the CA certificate cannot be used: {reason}")]
    TrustedCa {
        /// The reason why it cannot be used.
        reason: String,
    },
    /// HTTPS could not be set up, for example because this machine has no trusted CA.
    #[error("cannot set up HTTPS")]
    Setup(#[source] HttpError),
    /// An ID cannot be part of a URL path, for example `..`.
    #[error("`{id}` cannot be used as an ID")]
    UnusableId {
        /// The ID.
        id: String,
    },
    /// A value of the caller cannot be represented as JSON.
    #[error("the request cannot be written as JSON")]
    Unwritable(#[source] JsonError),
    /// No connection was established. Nothing was sent.
    #[error("{call}: cannot connect to {host}")]
    Connect {
        /// The call.
        call: Call,
        /// The host and port, and the proxy if there is one.
        host: String,
        /// The cause.
        source: HttpError,
    },
    /// The server's certificate was rejected. Nothing was sent.
    #[error("{call}: {host} cannot be trusted: {problem}")]
    Tls {
        /// The call.
        call: Call,
        /// The host and port, and the proxy if there is one.
        host: String,
        /// The reason why the certificate was rejected.
        problem: TlsProblem,
    },
    /// The response was not complete within the time limit. It is unknown whether the server carried the request out.
    #[error("{call}: timed out after {} s", after.as_secs_f32())]
    Timeout {
        /// The call.
        call: Call,
        /// The time limit of one attempt.
        after: Duration,
    },
    /// The connection was lost before the response was complete. It is unknown whether the server carried the request out.
    #[error("{call}: the connection was lost before the response was complete")]
    Interrupted {
        /// The call.
        call: Call,
        /// The cause.
        source: HttpError,
    },
    /// The server reported an error.
    #[error("{call}: {}", rejection(*status, *code, message))]
    Rejected {
        /// The call.
        call: Call,
        /// The HTTP status; 200 for a rejected item of a batch.
        status: u16,
        /// The error code of the API.
        code: Option<i64>,
        /// The message of the API, or a summary of the page that a proxy returned instead.
        message: String,
        /// The wait before a retry that the header `Retry-After` requests.
        retry_after: Option<Duration>,
        /// The body, with secrets removed.
        body: KeptBody,
    },
    /// The server reported success, but its response is not as documented.
    #[error("{call}: HTTP {status} with an unexpected response: {problem}{}", at(field))]
    UnexpectedResponse {
        /// The call.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// The path of the wrong field, such as `items[0].size`; empty if the whole response is wrong.
        field: String,
        /// The difference from the documentation.
        problem: String,
        /// The body, with secrets removed.
        body: KeptBody,
    },
    /// The response exceeds [`ClientBuilder::max_response_size`](crate::ClientBuilder::max_response_size).
    #[error("{call}: the response has more than {limit} bytes")]
    TooLarge {
        /// The call.
        call: Call,
        /// The limit, in bytes.
        limit: usize,
    },
    /// No session token could be obtained. All calls that waited for it get the same error.
    #[error("cannot get a session token: {0}")]
    Session(#[source] Arc<Error>),
    /// A file was not uploaded.
    #[error("{} {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        problem: FileProblem,
    },
    /// The registration has an invalid URL or invalid credentials.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// Rewriting the list of callbacks would remove passwords of its entries.
    #[error(transparent)]
    UnknownPasswords(#[from] UnknownPasswords),
    /// The caller's [`PasswordStore`](crate::callbacks::PasswordStore) failed.
    #[error("the callback passwords cannot be read")]
    PasswordStore(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller's lock was lost right before the list was written. Nothing was sent.
    #[error("the lock on the list of callbacks was lost; nothing was sent")]
    LockLost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response has neither a list of callbacks nor the account's ID. It is not treated as an empty list, because writing a
    /// list based on it would delete the entries of others.
    #[error("the response is not a complete profile, so the list of callbacks is unknown")]
    IncompleteProfile,
    /// The response is the profile of another account.
    #[error("the profile of {asked} was requested, but the response is the profile of {answered}")]
    OtherAccount {
        /// The account of the session.
        asked: MageId,
        /// The account in the response.
        answered: MageId,
    },
    /// The list of callbacks changed after the plan was made. Nothing was sent.
    #[error("another program changed the list of callbacks in the meantime; nothing was sent, try again")]
    ListChanged,
    /// The list of callbacks was written but could not be verified.
    #[error("the list of callbacks was written but could not be read back: {0}")]
    NotReadBack(#[source] Box<Error>),
    /// The list of callbacks differs from what was written.
    #[error("the list of callbacks differs from what was written: {}", difference(missing, remaining))]
    NotVerified {
        /// Entries that were written but are missing.
        missing: Vec<EntryName>,
        /// Entries that were removed but still exist.
        remaining: Vec<EntryName>,
    },
}

/// The reason why the HTTP client could not send a request or read its response. The error of the HTTP client is hidden, so that it can be
/// updated without a breaking change.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HttpError(pub(crate) reqwest::Error);

impl Error {
    /// Returns the error that determines the kind of this one: the cause of an error that only adds context.
    fn root(&self) -> &Self {
        match self {
            Self::Session(source) => source.root(),
            Self::NotReadBack(source) => source.root(),
            own => own,
        }
    }

    /// Returns whether retrying the same call can help.
    pub fn is_retryable(&self) -> bool {
        match self.root() {
            Self::Connect { .. } | Self::Timeout { .. } | Self::Interrupted { .. } | Self::ListChanged => true,
            Self::Rejected { status, code, .. } => matches!(effective_status(*status, *code), 408 | 429 | 500..),
            _ => false,
        }
    }

    /// Returns whether the server may have carried out the request although the call failed.
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Rejected { status, code, .. } => matches!(effective_status(*status, *code), 408 | 500..),
            Self::Timeout { .. }
            | Self::Interrupted { .. }
            | Self::UnexpectedResponse { .. }
            | Self::TooLarge { .. }
            | Self::NotReadBack(_)
            | Self::NotVerified { .. } => true,
            _ => false,
        }
    }

    /// Returns the call that failed, if a request was made.
    pub fn call(&self) -> Option<&Call> {
        match self.root() {
            Self::Connect { call, .. }
            | Self::Tls { call, .. }
            | Self::Timeout { call, .. }
            | Self::Interrupted { call, .. }
            | Self::Rejected { call, .. }
            | Self::UnexpectedResponse { call, .. }
            | Self::TooLarge { call, .. } => Some(call),
            _ => None,
        }
    }

    /// Returns the HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match self.root() {
            Self::Rejected { status, .. } | Self::UnexpectedResponse { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the error code of the API, if it sent one.
    pub fn code(&self) -> Option<i64> {
        match self.root() {
            Self::Rejected { code, .. } => *code,
            _ => None,
        }
    }

    /// Returns the body of the response for debug output, with secrets removed.
    pub fn body(&self) -> Option<&KeptBody> {
        match self.root() {
            Self::Rejected { body, .. } | Self::UnexpectedResponse { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Returns whether the API rejected the request, with any HTTP status.
    pub fn is_rejection(&self) -> bool {
        match self.root() {
            Self::Rejected { status, code, .. } => matches!(effective_status(*status, *code), 200..=299 | 400..=499),
            _ => false,
        }
    }

    /// Returns whether the access key or the session token was rejected.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.effective(), Some(401 | 403)) && !self.is_blocked()
    }

    /// Returns whether a new token may help.
    pub(crate) fn is_unauthorized_token(&self) -> bool {
        self.effective() == Some(401)
    }

    /// Returns whether something in front of the API rejected the request: a firewall that answers 403 with a page, or a proxy
    /// that requires a login.
    pub fn is_blocked(&self) -> bool {
        match self.root() {
            Self::Rejected { status: 403, body, .. } => looks_like_markup(body.as_str().as_bytes()),
            Self::Rejected { status: 407, .. } => true,
            _ => false,
        }
    }

    /// Returns whether the response was a redirect. Redirects are not followed.
    pub fn is_redirect(&self) -> bool {
        matches!(self.root(), Self::Rejected { status: 300..=399, .. })
    }

    /// Returns whether a submission was rejected only because the malware scan of one of its files has not finished.
    pub fn is_scan_in_progress(&self) -> bool {
        self.code() == Some(ApiError::SCAN_IN_PROGRESS)
    }

    /// Returns whether the requested object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.effective() == Some(404)
    }

    /// Returns the HTTP status, or the status in the body of a response with HTTP 200.
    fn effective(&self) -> Option<u16> {
        match self.root() {
            Self::Rejected { status, code, .. } => Some(effective_status(*status, *code)),
            _ => self.status(),
        }
    }

    /// Returns whether no connection was established although a proxy is configured.
    pub fn is_proxy_unreachable(&self) -> bool {
        matches!(self.root(), Self::Connect { host, .. } if host.contains(THROUGH_PROXY))
    }

    /// Returns whether the Marketplace cannot be reached or does not respond.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.root(), Self::Connect { .. } | Self::Tls { .. } | Self::Timeout { .. } | Self::Interrupted { .. })
    }
}

/// Returns the status that a response with HTTP 200 reports in its `code`, if that is an HTTP error status.
fn effective_status(status: u16, code: Option<i64>) -> u16 {
    let code = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
    if (200..300).contains(&status) { code.unwrap_or(status) } else { status }
}

fn rejection(status: u16, code: Option<i64>, message: &str) -> String {
    let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    format!("HTTP {status}{code}{message}")
}

fn at(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(" (at `{field}`)") }
}

fn difference(missing: &[EntryName], remaining: &[EntryName]) -> String {
    let names = |entries: &[EntryName]| entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", names(missing)));
    }
    if !remaining.is_empty() {
        parts.push(format!("not removed {}", names(remaining)));
    }
    parts.join("; ")
}
