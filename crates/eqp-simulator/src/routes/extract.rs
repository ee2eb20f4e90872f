//! Extractors: the session, a JSON body, the IDs of a path, the parameters of a query.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use eqp_types::Secret;
use futures_util::{Stream, StreamExt};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::error_response::ErrorResponse;
use crate::marketplace::AccountIndex;
use crate::shared::Shared;

/// The time within which a body has to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The account of the request's session token; requests without a valid token are rejected.
pub(super) struct Session {
    pub(super) account: AccountIndex,
}

impl FromRequestParts<Arc<Shared>> for Session {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ErrorResponse> {
        let refused = || ErrorResponse::unauthorized("The session token is missing, wrong or expired");
        let token = bearer(&parts.headers).ok_or_else(refused)?;
        let account = shared.marketplace().account_of(token, Instant::now()).ok_or_else(refused)?;
        Ok(Self { account })
    }
}

/// The application ID and secret of a Basic header.
pub(super) struct Basic {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl FromRequestParts<Arc<Shared>> for Basic {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, ErrorResponse> {
        basic(&parts.headers)
            .map(|(id, secret)| Self { id, secret })
            .ok_or_else(|| ErrorResponse::unauthorized("Application ID and secret are missing"))
    }
}

/// Returns the user name and password of a Basic header.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, Secret)> {
    let decoded = STANDARD.decode(credentials(headers, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), Secret::new(password)))
}

/// Returns the token of a Bearer header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// Returns the part after the scheme, if there is exactly one Authorization header.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (found, rest) = value.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// A JSON body; its content type is ignored.
pub(super) struct JsonBody(pub(super) Value);

impl FromRequest<Arc<Shared>> for JsonBody {
    type Rejection = ErrorResponse;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, ErrorResponse> {
        let late = |_| ErrorResponse::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time");
        let body = tokio::time::timeout(PATIENCE, Bytes::from_request(request, shared))
            .await
            .map_err(late)?
            .map_err(|rejection| ErrorResponse::new(rejection.status(), rejection.body_text()))?;
        serde_json::from_slice(&body).map(Self).map_err(|_| ErrorResponse::bad_request("The body is not JSON"))
    }
}

/// The percent-decoded IDs of a path.
pub(super) struct Ids<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Ids<T> {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ErrorResponse> {
        Path::from_request_parts(parts, shared)
            .await
            .map(|Path(ids)| Self(ids))
            .map_err(|_| ErrorResponse::new(StatusCode::BAD_REQUEST, "The path cannot be read"))
    }
}

/// The parameters of the query, in order.
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    /// Returns the first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequestParts<Arc<Shared>> for Parameters {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ErrorResponse> {
        Query::from_request_parts(parts, shared)
            .await
            .map(|Query(parameters)| Self(parameters))
            .map_err(|_| ErrorResponse::new(StatusCode::BAD_REQUEST, "The query cannot be read"))
    }
}

/// The largest part of a rejected body that is still read, because some clients read the response only after sending
/// everything.
const READ_AFTER_REFUSAL: usize = 64 * 1024 * 1024;

/// Reads a body to its end, up to a limit.
pub(crate) async fn drain(stream: &mut (impl Stream<Item = Result<Bytes, axum::Error>> + Unpin)) {
    let mut rest = READ_AFTER_REFUSAL;
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(PATIENCE, stream.next()).await {
        let Some(left) = rest.checked_sub(chunk.len()) else { return };
        rest = left;
    }
}
