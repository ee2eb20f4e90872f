//! What handlers ask for: a live session, a JSON body, a path's ids, the query as it came.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use eqp_types::Secret;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::market::AccountIndex;
use crate::refused::Refused;
use crate::shared::Shared;

/// A JSON body has to come in this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The account whose live token came with the request. Only a request that bears one reaches a handler.
pub(super) struct Session {
    pub(super) account: AccountIndex,
}

impl FromRequestParts<Arc<Shared>> for Session {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let refused = || Refused::unauthorized("The session token is missing, wrong or expired");
        let token = bearer(&parts.headers).ok_or_else(refused)?;
        let account = shared.market().account_of(token, Instant::now()).ok_or_else(refused)?;
        Ok(Self { account })
    }
}

/// Application id and secret of a Basic header.
pub(super) struct Basic {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl FromRequestParts<Arc<Shared>> for Basic {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Refused> {
        credentials(&parts.headers, "basic")
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .and_then(|decoded| String::from_utf8(decoded).ok())
            .and_then(|text| text.split_once(':').map(|(id, secret)| (id.to_owned(), Secret::new(secret))))
            .map(|(id, secret)| Self { id, secret })
            .ok_or_else(|| Refused::unauthorized("Application id and secret are missing"))
    }
}

/// The token of a Bearer header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "bearer")
}

/// What stands behind the scheme in the one Authorization header.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (found, rest) = value.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// A JSON body, whatever its content type says.
pub(super) struct JsonBody(pub(super) Value);

impl FromRequest<Arc<Shared>> for JsonBody {
    type Rejection = Refused;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refused> {
        let late = |_| Refused::new(StatusCode::REQUEST_TIMEOUT, "The body did not come in time");
        let body = tokio::time::timeout(PATIENCE, Bytes::from_request(request, shared))
            .await
            .map_err(late)?
            .map_err(|rejection| Refused::new(rejection.status(), rejection.body_text()))?;
        serde_json::from_slice(&body).map(Self).map_err(|_| Refused::bad_request("The body is not JSON"))
    }
}

/// The ids of a path, percent-decoded.
pub(super) struct Ids<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Ids<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        Path::from_request_parts(parts, shared)
            .await
            .map(|Path(ids)| Self(ids))
            .map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "The path cannot be read"))
    }
}

/// The parameters of the query, in their order.
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequestParts<Arc<Shared>> for Parameters {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refused> {
        Query::from_request_parts(parts, shared)
            .await
            .map(|Query(parameters)| Self(parameters))
            .map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "The query cannot be read"))
    }
}
