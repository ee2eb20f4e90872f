//! The responses that senders and health checks get. All bodies are small JSON objects.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::readiness::Readiness;
use super::syntax::NotJson;
use super::writer::Accepted;
use crate::results::Refusal;

/// The value of `Retry-After` in seconds.
const RETRY_AFTER_SECONDS: &str = "5";

pub(super) fn accepted(accepted: &Accepted, syntax: Result<(), NotJson>) -> Response {
    let id = accepted.id();
    match syntax {
        Ok(()) => json(StatusCode::OK, format!(r#"{{"id":"{id}"}}"#)),
        Err(reason) => {
            json(StatusCode::BAD_REQUEST, format!(r#"{{"reason":"{reason}; the callback was stored","id":"{id}"}}"#))
        }
    }
}

pub(super) fn refused(refusal: Refusal) -> Response {
    let retry_later = || Some((RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS)));
    let (status, reason, header) = match refusal {
        Refusal::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "invalid credentials",
            Some((WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="eqp""#))),
        ),
        Refusal::TooManyFailures(wait) => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many invalid credentials from this address",
            Some((RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))),
        ),
        Refusal::NotFound => (StatusCode::NOT_FOUND, "not found", None),
        Refusal::WrongMethod => (
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed, use POST",
            Some((ALLOW, HeaderValue::from_static("POST"))),
        ),
        Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", None),
        Refusal::TooSlow => (StatusCode::REQUEST_TIMEOUT, "timed out while receiving the body", None),
        Refusal::Aborted => (StatusCode::BAD_REQUEST, "the body is incomplete", None),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "server busy, retry later", retry_later()),
        Refusal::NotStored => {
            (StatusCode::SERVICE_UNAVAILABLE, "cannot store callbacks now, retry later", retry_later())
        }
    };
    with(reasoned(status, reason), header)
}

pub(super) fn alive() -> Response {
    json(StatusCode::OK, r#"{"status":"alive"}"#.to_owned())
}

/// Answers `/readyz`. The certificate note is inserted unchanged, because it contains no characters that JSON would
/// escape.
pub(super) fn ready(readiness: Readiness, certificate: Option<&str>) -> Response {
    let certificate = certificate.map(|note| format!(r#","certificate":"{note}""#)).unwrap_or_default();
    match readiness {
        Readiness::Ready => json(StatusCode::OK, format!(r#"{{"status":"ready"{certificate}}}"#)),
        Readiness::Degraded { reason, spooled } => json(
            StatusCode::OK,
            format!(r#"{{"status":"degraded","reason":"{reason}","spooled":{spooled}{certificate}}}"#),
        ),
        Readiness::NotReady(reason) => {
            let retry_later = Some((RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS)));
            with(reasoned(StatusCode::SERVICE_UNAVAILABLE, reason), retry_later)
        }
    }
}

/// Returns a response with a reason. Reasons are fixed texts without characters that JSON would escape.
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        for (milliseconds, seconds) in [(1_000, "1"), (1_001, "2"), (1_999, "2"), (30_000, "30")] {
            let answer = refused(Refusal::TooManyFailures(Duration::from_millis(milliseconds)));
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(answer.headers()[RETRY_AFTER], seconds, "{milliseconds}");
        }
    }
}
