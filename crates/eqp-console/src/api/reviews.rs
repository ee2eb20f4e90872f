//! The reviews of submissions: `/submissions/{id}/review` and `/review-times`.

use axum::Json;
use eqp_sync::ProductReviewTime;
use eqp_types::{Environment, MageId, SubmissionId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::submissions::EnvironmentFilter;
use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{PathParameters, Query};
use crate::problem::Problem;
use crate::status::{SubmissionReview, VersionSource, reviews_of};

/// Returns the routes of reviews.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(times))
}

/// Selects the account of a submission.
///
/// ```
/// let query = eqp_console::ReviewQuery::default();
/// assert_eq!(query.environment, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReviewQuery {
    /// Only submissions of this environment.
    pub environment: Option<Environment>,
    /// Only submissions of this account.
    pub mage_id: Option<MageId>,
}

impl ReviewQuery {
    /// Selects the submissions of one account.
    pub fn of_account(environment: Environment, mage_id: MageId) -> Self {
        Self { environment: Some(environment), mage_id: Some(mage_id) }
    }
}

/// The reviews of the submissions with an ID: more than one if accounts use the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionReviews {
    /// The reviews.
    pub reviews: Vec<SubmissionReview>,
}

/// The time in review of products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReviewTimes {
    /// The products of which a review has ended in the last 12 months, by SKU.
    pub products: Vec<ProductReviewTime>,
}

/// Show the review of a submission
///
/// Its state in words, what to do next, the reasons for a rejection, the steps of each flow, and everything that happened.
#[utoipa::path(
    get,
    path = "/submissions/{id}/review",
    operation_id = "showReview",
    tag = "submissions",
    params(("id" = String, Path, description = "The ID of the submission"), QueryOf<ReviewQuery>),
    responses((status = 200, description = "The reviews of the submissions with this ID", body = SubmissionReviews))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
    Query(ReviewQuery { environment, mage_id }): Query<ReviewQuery>,
) -> Result<Json<SubmissionReviews>, Problem> {
    checked_submission(&id)?;
    let (account, now) = ((environment, mage_id.as_ref()), OffsetDateTime::now_utc());
    let mut reviews = reviews_of(operator.pool(), operator.reviews(), &id, account, now).await?;
    if reviews.is_empty() {
        return Err(Problem::not_found(format!("no callback for submission {id} has been received")));
    }
    for review in &mut reviews {
        let settings = review.sku.as_ref().and_then(|sku| operator.process().products.get(sku));
        review.source = settings.and_then(|settings| VersionSource::of(settings, review.version.as_deref()));
    }
    Ok(Json(SubmissionReviews { reviews }))
}

/// Checks the ID of a submission.
pub(super) fn checked_submission(id: &str) -> Result<(), Problem> {
    let checked = SubmissionId::new(id);
    checked.map(drop).map_err(|error| Problem::invalid(format!("the ID of the submission {error}")))
}

/// Show the time in review of products
///
/// Each product with a review that has ended in the last 12 months. Reviews that were recalled, or had begun before the account was
/// observed, are not considered.
#[utoipa::path(
    get,
    path = "/review-times",
    operation_id = "listReviewTimes",
    tag = "submissions",
    params(QueryOf<EnvironmentFilter>),
    responses((status = 200, description = "The time in review of each product", body = ReviewTimes))
)]
async fn times(
    operator: Authorized<Read>,
    Query(EnvironmentFilter { environment }): Query<EnvironmentFilter>,
) -> Result<Json<ReviewTimes>, Problem> {
    let mut products = operator.reviews().of_products(operator.pool(), OffsetDateTime::now_utc()).await?;
    products.retain(|product| environment.is_none_or(|wanted| wanted == product.environment));
    Ok(Json(ReviewTimes { products }))
}
