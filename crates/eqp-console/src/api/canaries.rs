//! Canaries, test callbacks through the public URL of an endpoint: `/canaries`.

use std::fmt;

use axum::Json;
use eqp_store::internal::callback::noted_target;
use eqp_store::internal::{ANSWER, IssuedCanary, canary, instance, issue_canaries, within};
use eqp_sync::CANARY_BODY;
use eqp_types::Secret;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::exposed;
use crate::authorized::{ApiState, Authorized, Operate};
use crate::extract::{JsonBody, PathParameters, whole_number};
use crate::problem::Problem;

/// Returns the routes of canaries.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(confirm))
}

/// Selects the endpoints to which canaries are sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewCanaries {
    /// The name of the endpoint; without it, all that are registered or about to be.
    pub(crate) endpoint: Option<String>,
}

/// Canaries that can be sent now.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CanaryList {
    /// One canary per endpoint.
    pub canaries: Vec<Canary>,
}

/// A callback to be sent with its own credential. It is stored, never projected, and does not show that the Marketplace calls.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Canary {
    /// Its number, which is negative.
    pub id: i64,
    /// The name of the endpoint.
    pub endpoint: String,
    /// The URL to which it is sent.
    pub url: String,
    /// The user name.
    pub username: String,
    /// The password. It is not shown again.
    #[serde(serialize_with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub password: Secret,
    /// When the credential becomes invalid.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub expires_at: OffsetDateTime,
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("id", &self.id).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl From<IssuedCanary> for Canary {
    fn from(issued: IssuedCanary) -> Self {
        let IssuedCanary { id, endpoint, public_url, username, password, expires_at } = issued;
        Self { id, endpoint, url: public_url, username, password, expires_at }
    }
}

/// The callback that the receiver has acknowledged.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgedCanary {
    /// The ID in the response of the receiver.
    pub(crate) callback_id: Uuid,
}

/// Whether the callback of a canary is in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CanaryResult {
    /// Whether it is stored.
    pub is_stored: bool,
    /// Whether it arrived with the body that was sent. Only then it has passed.
    pub is_unchanged: bool,
    /// The path and query at which it arrived, if the endpoint has another path.
    pub path: Option<String>,
    /// How it was stored: `writer` or `spool`.
    pub via: Option<String>,
    /// When it was first found.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub passed_at: Option<OffsetDateTime>,
}

/// Create canaries
///
/// Send each to its URL as a callback within a minute, with its credential, and then confirm it with the ID in the response.
#[utoipa::path(
    post,
    path = "/canaries",
    operation_id = "createCanaries",
    tag = "canaries",
    request_body = NewCanaries,
    responses((status = 201, description = "The canaries, whose credentials are valid for a minute", body = CanaryList))
)]
async fn create(
    operator: Authorized<Operate>,
    JsonBody(request): JsonBody<NewCanaries>,
) -> Result<(StatusCode, Json<CanaryList>), Problem> {
    let key = operator.master_key("canaries cannot be created")?;
    // Receivers reject a credential under another key than the database's.
    within(ANSWER, instance::bind(operator.pool(), key.fingerprint())).await?;
    let mut change = operator.begin().await?;
    let issued = within(ANSWER, issue_canaries(change.connection(), key, request.endpoint.as_deref())).await?;
    if issued.is_empty() {
        return Err(Problem::not_found(match &request.endpoint {
            Some(name) => format!("there is no registered endpoint {name}"),
            None => "there is no registered endpoint".to_owned(),
        }));
    }
    let endpoints: Vec<&str> = issued.iter().map(|canary| canary.endpoint.as_str()).collect();
    change.commit("canary.create", request.endpoint.as_deref(), &json!({ "endpoints": endpoints })).await?;
    let canaries = issued.into_iter().map(Into::into).collect();
    Ok((StatusCode::CREATED, Json(CanaryList { canaries })))
}

/// Confirm that a canary was acknowledged
///
/// It passes if it is in the database as it was sent, and has arrived while its credential was valid.
#[utoipa::path(
    post,
    path = "/canaries/{id}/confirm",
    operation_id = "confirmCanary",
    tag = "canaries",
    params(("id" = i64, Path, description = "The number of the canary")),
    request_body = AcknowledgedCanary,
    responses((status = 200, description = "Whether its callback is in the database", body = CanaryResult))
)]
async fn confirm(
    operator: Authorized<Operate>,
    PathParameters([id]): PathParameters<1>,
    JsonBody(request): JsonBody<AcknowledgedCanary>,
) -> Result<Json<CanaryResult>, Problem> {
    let id = whole_number(&id, "canary")?;
    let mut change = operator.begin().await?;
    let callback = request.callback_id;
    let arrived = within(ANSWER, canary::arrived(change.connection(), id, callback)).await?;
    let Some(arrived) = arrived else {
        return Ok(Json(CanaryResult {
            is_stored: false,
            is_unchanged: false,
            path: None,
            via: None,
            passed_at: None,
        }));
    };
    let mut result = CanaryResult {
        is_stored: true,
        is_unchanged: arrived.body == CANARY_BODY.as_bytes(),
        path: noted_target(&arrived.headers),
        via: Some(arrived.via),
        passed_at: None,
    };
    if result.is_unchanged {
        let pass = canary::pass(change.connection(), id, (callback, arrived.received_at));
        result.passed_at = within(ANSWER, pass).await?;
        change.commit("canary.pass", Some(&id.to_string()), &json!({ "callback": callback })).await?;
    }
    Ok(Json(result))
}
