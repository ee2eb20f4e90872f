//! Rotates the signing secret of a webhook: `/subscriptions/{name}/rotate-secret` and `/retire-secrets`.

use axum::Json;
use eqp_store::internal::{ANSWER, instance, within};
use eqp_types::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::request::exposed;
use super::{Subscription, UNSEALABLE, administration};
use crate::authorized::{Admin, ApiState, Authorized};
use crate::extract::{JsonBody, PathParameters};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(rotate)).routes(routes!(retire))
}

/// A signing secret to add.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSigningSecret {
    /// The secret. For Standard Webhooks: `whsec_` and at least 24 bytes in Base64.
    #[serde(serialize_with = "exposed")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub(crate) secret: Secret,
}

/// The result of retiring secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RetiredSecrets {
    /// Whether older secrets were in use.
    pub retired: bool,
}

/// Add a signing secret
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/rotate-secret",
    operation_id = "rotateSigningSecret",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = NewSigningSecret,
    responses((status = 200, description = "Requests are signed with the new secret, and with the old ones", body = Subscription))
)]
async fn rotate(
    operator: Authorized<Admin>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<NewSigningSecret>,
) -> Result<Json<Subscription>, Problem> {
    let administration = administration(operator.pool());
    administration.find(&name).await?;
    let key = operator.master_key(UNSEALABLE)?;
    // A secret under another key than the database's could not be opened by a worker.
    within(ANSWER, instance::bind(operator.pool(), key.fingerprint())).await?;
    let mut change = operator.begin().await?;
    administration.add_signing_secret(change.connection(), &name, &request.secret, key).await?;
    change.commit("subscription.rotate_secret", Some(&name), &json!({})).await?;
    Ok(Json(administration.find(&name).await?.into()))
}

/// Retire old signing secrets
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/retire-secrets",
    operation_id = "retireSigningSecrets",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription")),
    responses((status = 200, description = "Requests are signed with the newest secret only", body = RetiredSecrets))
)]
async fn retire(
    operator: Authorized<Admin>,
    PathParameters([name]): PathParameters<1>,
) -> Result<Json<RetiredSecrets>, Problem> {
    let mut change = operator.begin().await?;
    let retired = administration(operator.pool()).retire_signing_secrets(change.connection(), &name).await?;
    if retired {
        change.commit("subscription.retire_secrets", Some(&name), &json!({})).await?;
    }
    Ok(Json(RetiredSecrets { retired }))
}
