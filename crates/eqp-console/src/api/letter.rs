//! The letter to Marketplace support about a submission: `/submissions/{id}/letter`.

use axum::Json;
use eqp_sync::SupportLetters;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::extract::PathParameters;
use crate::problem::Problem;

/// Returns the route of the letter.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(letter))
}

/// A letter to Marketplace support.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Letter {
    /// The address of Marketplace support.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
}

/// Write to Marketplace support about a submission
#[utoipa::path(
    get,
    path = "/submissions/{id}/letter",
    operation_id = "writeLetter",
    tag = "submissions",
    params(("id" = String, Path, description = "The ID of the submission")),
    responses((status = 200, description = "A letter that asks for the state of the review", body = Letter))
)]
async fn letter(operator: Authorized<Read>, PathParameters([id]): PathParameters<1>) -> Result<Json<Letter>, Problem> {
    let letter = SupportLetters::new(operator.pool().clone()).about(&id, OffsetDateTime::now_utc()).await?;
    let letter =
        letter.ok_or_else(|| Problem::not_found(format!("there is no submission {id} that waits for a review")))?;
    Ok(Json(Letter { to: letter.to.to_owned(), subject: letter.subject, body: letter.body }))
}
