//! Checks a subscription without creating it: what a dry run does.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::request::SubscriptionRequest;
use super::{UNSEALABLE, administration};
use crate::authorized::{Admin, ApiState, Authorized};
use crate::extract::JsonBody;
use crate::problem::{Problem, ProblemCode};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(check))
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubscriptionCheck {
    /// Warnings about the configuration of the worker, one sentence each.
    pub warnings: Vec<String>,
}

/// Check a subscription without creating it
#[utoipa::path(
    post,
    path = "/subscription-checks",
    operation_id = "checkSubscription",
    tag = "subscriptions",
    request_body = SubscriptionRequest,
    responses((status = 200, description = "The subscription can be created", body = SubscriptionCheck))
)]
async fn check(
    operator: Authorized<Admin>,
    JsonBody(request): JsonBody<SubscriptionRequest>,
) -> Result<Json<SubscriptionCheck>, Problem> {
    let warnings = checked(&operator, &request)?;
    let existing = administration(operator.pool()).list().await?;
    if existing.iter().any(|one| one.name == request.name) {
        let reason = format!("there is already a subscription with the name `{}`", request.name);
        return Err(Problem::new(ProblemCode::Conflict).detail(reason));
    }
    Ok(Json(SubscriptionCheck { warnings }))
}

/// Checks everything in a request that does not depend on other subscriptions. Returns the warnings.
pub(super) fn checked(operator: &Authorized<Admin>, request: &SubscriptionRequest) -> Result<Vec<String>, Problem> {
    request.check()?;
    let new = request.clone().into_new();
    new.check()?;
    let warnings = new.handler.check(&new.secrets, operator.handlers());
    let warnings = warnings.map_err(|error| Problem::invalid(error.to_string()))?;
    if new.has_secrets() {
        operator.master_key(UNSEALABLE)?;
    }
    Ok(warnings)
}
