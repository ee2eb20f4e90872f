//! What the sender is told.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::lane::Accepted;
use super::readiness::Readiness;
use super::syntax::NotJson;

/// Seconds after which a sender may try again.
const PAUSE: &str = "5";

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthorized,
    /// Like `Unauthorized`, after too many wrong tries; with the time after which the next one is looked at.
    TooManyTries(Duration),
    NotFound,
    WrongMethod,
    TooLarge,
    TooSlow,
    BrokenOff,
    /// There is no room for it now.
    Busy,
    /// It could not be made durable, or nobody knows whether it is.
    NotStored,
}

pub(super) fn accepted(accepted: &Accepted, syntax: Result<(), NotJson>) -> Response {
    let id = accepted.id();
    match syntax {
        Ok(()) => json(StatusCode::OK, format!(r#"{{"id":"{id}"}}"#)),
        Err(reason) => json(StatusCode::BAD_REQUEST, format!(r#"{{"reason":"{reason}; it is kept","id":"{id}"}}"#)),
    }
}

pub(super) fn refused(refusal: Refusal) -> Response {
    let again = || Some((RETRY_AFTER, HeaderValue::from_static(PAUSE)));
    let (status, reason, header) = match refusal {
        Refusal::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "invalid credentials",
            Some((WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="eqp""#))),
        ),
        Refusal::TooManyTries(wait) => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong credentials from this address",
            Some((RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))),
        ),
        Refusal::NotFound => (StatusCode::NOT_FOUND, "nothing is here", None),
        Refusal::WrongMethod => (
            StatusCode::METHOD_NOT_ALLOWED,
            "another method is needed here",
            Some((ALLOW, HeaderValue::from_static("POST"))),
        ),
        Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", None),
        Refusal::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long", None),
        Refusal::BrokenOff => (StatusCode::BAD_REQUEST, "the body broke off", None),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too much at once; try again", again()),
        Refusal::NotStored => (StatusCode::SERVICE_UNAVAILABLE, "cannot store callbacks now; try again", again()),
    };
    with(reasoned(status, reason), header)
}

pub(super) fn alive() -> Response {
    json(StatusCode::OK, r#"{"status":"alive"}"#.to_owned())
}

/// The note on the certificate is a text that JSON needs not escape.
pub(super) fn ready(readiness: Readiness, certificate: Option<&str>) -> Response {
    let certificate = certificate.map(|note| format!(r#","certificate":"{note}""#)).unwrap_or_default();
    match readiness {
        Readiness::Ready => json(StatusCode::OK, format!(r#"{{"status":"ready"{certificate}}}"#)),
        Readiness::Degraded { reason, spooled } => json(
            StatusCode::OK,
            format!(r#"{{"status":"degraded","reason":"{reason}","spooled":{spooled}{certificate}}}"#),
        ),
        Readiness::NotReady(reason) => {
            let again = Some((RETRY_AFTER, HeaderValue::from_static(PAUSE)));
            with(reasoned(StatusCode::SERVICE_UNAVAILABLE, reason), again)
        }
    }
}

/// Reasons are fixed texts without anything that JSON would escape.
fn reasoned(status: StatusCode, reason: &str) -> Response {
    json(status, format!(r#"{{"reason":"{reason}"}}"#))
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Body::from(text)).into_response()
}

fn with(mut response: Response, header: Option<(HeaderName, HeaderValue)>) -> Response {
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_tried_too_often_is_told_whole_seconds_that_are_long_enough() {
        for (milliseconds, seconds) in [(1_000, "1"), (1_001, "2"), (1_999, "2"), (30_000, "30")] {
            let answer = refused(Refusal::TooManyTries(Duration::from_millis(milliseconds)));
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(answer.headers()[RETRY_AFTER], seconds, "{milliseconds}");
        }
    }
}
