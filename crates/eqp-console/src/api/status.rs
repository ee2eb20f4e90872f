//! The status of products: `/status`.

use axum::Json;
use eqp_types::Environment;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::Query;
use crate::problem::Problem;
use crate::status::{Status, StatusError, status_of_database};

/// The most products that one request selects, and the longest SKU in bytes.
const MAX_PRODUCTS: usize = 100;
const MAX_SKU: usize = 255;

/// Returns the route of the status.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Selects products.
///
/// ```
/// let checkout = eqp_console::StatusQuery::of(["acme/checkout"]);
/// assert_eq!(checkout.sku.as_deref(), Some("acme/checkout"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StatusQuery {
    /// Only products of this environment.
    pub environment: Option<Environment>,
    /// Only products with these SKUs, separated by commas, at most 100. The case of letters is ignored. All versions of them are listed.
    pub sku: Option<String>,
}

impl StatusQuery {
    /// Selects products by their SKUs; without one, all.
    pub fn of(skus: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let skus: Vec<_> = skus.into_iter().map(|sku| sku.as_ref().to_owned()).collect();
        Self { environment: None, sku: (!skus.is_empty()).then(|| skus.join(",")) }
    }

    /// Selects the environment.
    #[must_use]
    pub fn environment(self, environment: Option<Environment>) -> Self {
        Self { environment, ..self }
    }

    fn skus(&self) -> Result<Vec<String>, Problem> {
        let Some(list) = &self.sku else { return Ok(Vec::new()) };
        let skus: Vec<_> = list.split(',').map(|sku| sku.trim().to_owned()).collect();
        if skus.len() > MAX_PRODUCTS {
            return Err(Problem::invalid(format!("sku has more than {MAX_PRODUCTS} SKUs")));
        }
        let is_sku = |sku: &String| !sku.is_empty() && sku.len() <= MAX_SKU && !sku.chars().any(char::is_control);
        match skus.iter().find(|sku| !is_sku(sku)) {
            Some(_) => Err(Problem::invalid(format!(
                "sku must contain SKUs of 1 to {MAX_SKU} bytes without control characters"
            ))),
            None => Ok(skus),
        }
    }
}

/// Show the status of products
///
/// Each product is in the first group that applies: it needs you, is stuck, is in review, or is fine.
#[utoipa::path(
    get,
    path = "/status",
    operation_id = "showStatus",
    tag = "status",
    params(QueryOf<StatusQuery>),
    responses((status = 200, description = "The products, by group, and the connection to the Marketplace", body = Status))
)]
async fn show(operator: Authorized<Read>, Query(query): Query<StatusQuery>) -> Result<Json<Status>, Problem> {
    let skus = query.skus()?;
    let now = OffsetDateTime::now_utc();
    let status = status_of_database(operator.pool(), operator.reviews(), query.environment, &skus, now).await;
    status.map(Json).map_err(|error| match error {
        StatusError::Store(error) => error.into(),
        StatusError::UnknownProducts(skus) => {
            Problem::not_found(format!("there is no submission of {}", skus.join(", ")))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skus_are_separated_by_commas_and_checked() {
        let of = |sku: &str| StatusQuery { sku: Some(sku.to_owned()), ..StatusQuery::default() }.skus();
        assert_eq!(of("acme/a, acme/b").unwrap(), ["acme/a", "acme/b"]);
        assert_eq!(StatusQuery::default().skus().unwrap(), [""; 0]);
        for wrong in ["", "acme/a,", "acme/\u{1b}[31m", &"a".repeat(256), &["a"; 101].join(",")] {
            let problem = of(wrong).unwrap_err();
            assert!(problem.detail.unwrap().starts_with("sku "), "{wrong}");
        }
    }
}
