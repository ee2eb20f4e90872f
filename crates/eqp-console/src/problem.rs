//! Errors of the API as `application/problem+json` (RFC 9457), with a stable code that clients can decide by.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use strum::Display;

/// The media type of an error.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// The wait that a client is advised if the database or the server is temporarily unavailable.
const RETRY_SOON: Duration = Duration::from_secs(5);

/// The reason of an error, which does not change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// The path, a parameter or the body is malformed (400).
    InvalidRequest,
    /// The request has no valid token (401).
    Unauthenticated,
    /// The token does not have the scope that the operation requires (403).
    Forbidden,
    /// The requested object does not exist (404).
    NotFound,
    /// The path does not exist (404).
    UnknownPath,
    /// The path does not support the method (405).
    MethodNotAllowed,
    /// The body did not arrive in time (408).
    TooSlow,
    /// The request contradicts the current state (409).
    Conflict,
    /// The body is too large (413).
    TooLarge,
    /// The body is not JSON (415).
    UnsupportedMediaType,
    /// The server does not serve the requested host name (421).
    HostNotAllowed,
    /// Authentication failed too often (429).
    TooManyAttempts,
    /// The database role of the server lacks a right (500).
    DatabasePrivileges,
    /// The server failed; its log has the details (500).
    Internal,
    /// The server is busy; retry later (503).
    Busy,
    /// The database cannot be reached; retry later (503).
    DatabaseUnavailable,
    /// The database does not have the tables of this version (503).
    DatabaseNotReady,
    /// A code of a newer server.
    #[serde(other)]
    Other,
}

impl ProblemCode {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HostNotAllowed => StatusCode::MISDIRECTED_REQUEST,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::DatabasePrivileges | Self::Internal | Self::Other => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::DatabaseUnavailable | Self::DatabaseNotReady => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid request",
            Self::Unauthenticated => "no valid token",
            Self::Forbidden => "the token lacks a scope",
            Self::NotFound => "not found",
            Self::UnknownPath => "unknown path",
            Self::MethodNotAllowed => "method not allowed",
            Self::TooSlow => "the body did not arrive in time",
            Self::Conflict => "conflict with the current state",
            Self::TooLarge => "the body is too large",
            Self::UnsupportedMediaType => "the body is not JSON",
            Self::HostNotAllowed => "host not allowed",
            Self::TooManyAttempts => "too many failed attempts",
            Self::DatabasePrivileges => "the database role of the server lacks a privilege",
            Self::Internal | Self::Other => "the server failed",
            Self::Busy => "the server is busy",
            Self::DatabaseUnavailable => "the database cannot be reached",
            Self::DatabaseNotReady => "the database does not have the tables of this version",
        }
    }

    fn retry_after(self) -> Option<Duration> {
        matches!(self, Self::Busy | Self::DatabaseUnavailable | Self::DatabaseNotReady).then_some(RETRY_SOON)
    }
}

/// An error of the API.
///
/// ```
/// let answered = r#"{
///     "type": "urn:eqp:problem:not_found", "title": "not found", "status": 404,
///     "detail": "there is no event 7", "code": "not_found"
/// }"#;
/// let problem: eqp_console::Problem = serde_json::from_str(answered)?;
/// assert_eq!(problem.code, eqp_console::ProblemCode::NotFound);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{title}{}", detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
#[non_exhaustive]
pub struct Problem {
    /// A URN that identifies the kind of error. It ends with the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short text, which is the same for every error of this kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A description of this error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The reason.
    pub code: ProblemCode,
    /// The seconds to wait before the next request, as in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The error of the database. It is not part of the response, but a caller in the same process reports it.
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) cause: Cause,
}

/// The error of the store that caused a problem. All causes compare as equal, because they are not part of the response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause(pub(crate) Option<Arc<eqp_store::Error>>);

impl PartialEq for Cause {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Cause {}

impl Problem {
    /// Creates an error with the title and status of its code.
    pub(crate) fn new(code: ProblemCode) -> Self {
        Self {
            kind: format!("urn:eqp:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: None,
            code,
            retry_after: code.retry_after().map(|wait| wait.as_secs()),
            cause: Cause::default(),
        }
    }

    /// Sets the description of this error.
    #[must_use]
    pub(crate) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Sets the time after which a request can succeed.
    #[must_use]
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait.as_secs().max(1)), ..self }
    }

    /// Creates the error for an object that does not exist.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::NotFound).detail(detail)
    }

    /// Returns whether the user lacks a scope. The other reason is a form from elsewhere.
    pub(crate) fn is_about_scope(&self) -> bool {
        self.code == ProblemCode::Forbidden && self.title == ProblemCode::Forbidden.title()
    }

    /// Creates the error for a malformed request.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::InvalidRequest).detail(detail)
    }
}

/// The SQLSTATE of a statement for which the role lacks a right.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

impl From<eqp_store::Error> for Problem {
    fn from(error: eqp_store::Error) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<eqp_store::Error>> for Problem {
    fn from(error: Arc<eqp_store::Error>) -> Self {
        use eqp_store::Error;
        let code = match &*error {
            error if error.is_retryable() => ProblemCode::DatabaseUnavailable,
            Error::Database(source) if source.sqlstate().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
                ProblemCode::DatabasePrivileges
            }
            Error::NotMigrated | Error::PreviousVersion | Error::NewerSchema { .. } => ProblemCode::DatabaseNotReady,
            Error::UnknownEndpoint { .. } | Error::UnknownCredential { .. } => ProblemCode::NotFound,
            _ => ProblemCode::Internal,
        };
        Self { cause: Cause(Some(error)), ..Self::new(code) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // An object of texts and numbers can always be serialized.
        let body = serde_json::to_vec(&self).expect("a problem is serializable");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        // The router adds the header `Allow` to 405, because it knows the methods of the path.
        if self.code == ProblemCode::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"eqp\""));
        }
        // For a client in the same process, and for pages, which show the problem as HTML.
        let extensions = response.extensions_mut();
        if self.cause.0.is_some() {
            extensions.insert(self.cause.clone());
        }
        extensions.insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_a_newer_server_can_be_read() {
        let problem: Problem =
            serde_json::from_str(r#"{"type":"x","title":"t","status":418,"code":"teapot","more":1}"#).unwrap();
        assert_eq!((problem.code, problem.status), (ProblemCode::Other, 418));
    }

    #[test]
    fn an_error_of_the_database_is_not_in_the_response() {
        let problem = Problem::from(eqp_store::Error::MissingRights { role: "hush".into(), target: "hush".into() });
        assert_eq!(problem.code, ProblemCode::Internal);
        assert!(!serde_json::to_string(&problem).unwrap().contains("hush"));
        assert!(problem.cause.0.is_some());
    }

    #[test]
    fn temporary_errors_name_the_time_of_the_next_attempt() {
        for code in [ProblemCode::Busy, ProblemCode::DatabaseUnavailable] {
            let response = Problem::new(code).into_response();
            assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (503, &HeaderValue::from(5)));
        }
    }
}
