//! Middleware around every call of the API: injects faults, and rewrites responses into the chosen spelling.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{bearer, drain};
use crate::calls::name_of;
use crate::error_response::ErrorResponse;
use crate::fault::{CallFacts, Fault, FaultBody, cut};
use crate::shared::Shared;
use crate::spelling::Style;

/// The format of dates in HTTP headers (RFC 9110, IMF-fixdate).
const HTTP_DATE: &[BorrowedFormatItem<'static>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
/// The page that a proxy might return instead of the API's response.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Temporarily unavailable</title></head>\
                    <body><h1>We will be back soon</h1></body></html>\n";
/// The largest response of the simulator.
const LONGEST_ANSWER: usize = 1024 * 1024 * 1024;
/// One piece of a long response.
const PIECE: &[u8] = &[b'x'; 64 * 1024];

/// Rewrites responses if the configured style is not the default one.
pub(crate) async fn rewrite_spelling(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let style = shared.marketplace().style();
    let response = next.run(request).await;
    if style == Style::default() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST_ANSWER).await.expect("handlers answer from memory");
    let Ok(mut value) = serde_json::from_slice(&body) else {
        return Response::from_parts(parts, body.into());
    };
    style.rewrite(&mut value);
    parts.headers.remove(CONTENT_LENGTH);
    (parts, Json(value)).into_response()
}

/// Carries out a call with the faults that the rules inject into it.
pub(crate) async fn inject_faults(
    State(shared): State<Arc<Shared>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let facts = CallFacts {
        method: request.method(),
        path: path.strip_prefix("/rest/v1").unwrap_or(path),
        name: matched.and_then(|matched| name_of(request.method(), matched.as_str())),
    };
    let injected = shared.marketplace().faults.of_call(&facts);
    if !injected.latency.is_zero() {
        tokio::time::sleep(injected.latency).await;
    }
    if injected.dead_token
        && let Some(token) = bearer(request.headers())
    {
        shared.change(|marketplace| marketplace.end_session(token));
    }
    match injected.fault {
        None | Some(Fault::Latency(_) | Fault::DeadToken) => next.run(request).await,
        Some(Fault::Cut) => cut(),
        Some(Fault::AnswerLost) => {
            next.run(request).await;
            cut()
        }
        Some(Fault::CutBody) => cut_in_the_middle(next.run(request).await).await,
        Some(Fault::WrongShape) => of_another_shape(next.run(request).await).await,
        Some(fault) => {
            // Some clients read the response only after sending the whole body.
            drain(&mut request.into_body().into_data_stream()).await;
            instead(&fault)
        }
    }
}

/// Returns the response that replaces the result of the call.
fn instead(fault: &Fault) -> Response {
    match fault {
        Fault::TooManyRequests { after, as_date } => {
            let after = if *as_date { http_date(*after) } else { after.as_secs().to_string() };
            let answer = ErrorResponse::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            ([(RETRY_AFTER, after)], answer).into_response()
        }
        Fault::Status { status, body } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            match body {
                FaultBody::Json => ErrorResponse::new(status, "Something went wrong").into_response(),
                FaultBody::Html => (status, Html(PAGE)).into_response(),
                FaultBody::Empty => status.into_response(),
            }
        }
        Fault::ErrorBody(code) => {
            Json(json!({"code": code, "message": "Rejected by an injected fault"})).into_response()
        }
        Fault::Huge(bytes) => long_json(Some(*bytes)),
        Fault::Endless => long_json(None),
        _ => Html(PAGE).into_response(),
    }
}

fn http_date(after: Duration) -> String {
    let now = OffsetDateTime::now_utc();
    now.checked_add(time::Duration::try_from(after).unwrap_or(time::Duration::MAX))
        .unwrap_or(now)
        .format(HTTP_DATE)
        .expect("a date has every component of the format")
}

/// Returns valid JSON of this many bytes (at least 4), or JSON that never ends, without `Content-Length`.
fn long_json(bytes: Option<u64>) -> Response {
    let (begin, end) = (Bytes::from_static(b"[\""), Bytes::from_static(b"\"]"));
    let rest = bytes.map(|bytes| bytes.saturating_sub(4));
    let pieces = stream::unfold((Some(begin), rest, Some(end)), async |(begin, rest, end)| {
        if begin.is_some() {
            return begin.map(|begin| (begin, (None, rest, end)));
        }
        match rest {
            Some(0) => end.map(|end| (end, (None, Some(0), None))),
            Some(left) => {
                let piece = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
                Some((Bytes::from_static(&PIECE[..piece]), (None, Some(left - piece as u64), end)))
            }
            None => Some((Bytes::from_static(PIECE), (None, None, end))),
        }
    });
    let body = Body::from_stream(futures_util::StreamExt::map(pieces, Ok::<_, io::Error>));
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// Announces the full length of a response, sends half of it, and closes the connection.
async fn cut_in_the_middle(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, LONGEST_ANSWER).await.expect("handlers answer from memory");
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len().max(1)));
    let half = whole.slice(..whole.len() / 2);
    let pieces = stream::unfold(Some(Some(half)), async |state| {
        if let Some(half) = state? {
            return Some((Ok(half), Some(None)));
        }
        // Lets the server send the first half before it sees the error.
        tokio::task::yield_now().await;
        Some((Err(io::Error::other("the connection is closed by an injected fault")), None))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// Replaces the response with JSON of another type: a list with an object, anything else with a list.
async fn of_another_shape(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let whole = to_bytes(body, LONGEST_ANSWER).await.expect("handlers answer from memory");
    let other = match serde_json::from_slice(&whole) {
        Ok(Value::Array(_)) => json!({"0": {"unexpected": true}}),
        _ => json!([{"unexpected": true}, 7]),
    };
    let mut answer = (parts.status, Json(other)).into_response();
    for (name, value) in &parts.headers {
        if !answer.headers().contains_key(name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_answer_is_valid_json_of_its_length() {
        for bytes in [4, 5, 65_536, 200_000] {
            let whole = to_bytes(long_json(Some(bytes)).into_body(), usize::MAX).await.unwrap();
            assert_eq!(whole.len() as u64, bytes);
            serde_json::from_slice::<Vec<String>>(&whole).unwrap();
        }
    }

    #[test]
    fn a_date_is_written_as_http_does() {
        let date = http_date(Duration::ZERO);
        assert!(date.ends_with(" GMT") && date.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
    }
}
