//! The search: `/find`.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::Query;
use crate::problem::Problem;
use crate::search::{Found, search};

/// The longest text in bytes.
const MAX_TEXT: usize = 255;
/// The most results.
const MAX_RESULTS: u32 = 100;

/// Returns the route of the search.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(find))
}

/// A search.
///
/// ```
/// let search = eqp_console::FindQuery::new("checkout");
/// assert_eq!(search.limit, 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FindQuery {
    /// An ID of a submission, file, item, event, callback or message, a version, or a part of a SKU, title or file name. At most 255 bytes.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub text: String,
    /// The maximum number of results: 20 by default, and at most 100.
    #[serde(default = "usual_limit")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub limit: u32,
}

fn usual_limit() -> u32 {
    20
}

impl FindQuery {
    /// Searches for a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: usual_limit() }
    }

    /// Sets the maximum number of results.
    #[must_use]
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    fn check(&self) -> Result<&str, Problem> {
        let text = self.text.trim();
        if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(Problem::invalid(format!("text must have 1 to {MAX_TEXT} bytes and no control characters")));
        }
        if !(1..=MAX_RESULTS).contains(&self.limit) {
            return Err(Problem::invalid(format!("limit is not in the range 1 to {MAX_RESULTS}")));
        }
        Ok(text)
    }
}

/// The results of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FoundList {
    /// The results: those with exactly this ID first, then products, and then the others, newest first.
    pub found: Vec<Found>,
}

/// Find products, submissions, files and events
#[utoipa::path(
    get,
    path = "/find",
    operation_id = "find",
    tag = "status",
    params(QueryOf<FindQuery>),
    responses((status = 200, description = "The results, which can be none", body = FoundList))
)]
async fn find(operator: Authorized<Read>, Query(query): Query<FindQuery>) -> Result<Json<FoundList>, Problem> {
    let found = search(operator.pool(), query.check()?, query.limit).await?;
    Ok(Json(FoundList { found }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field() {
        assert_eq!(FindQuery::new(" checkout ").check().unwrap(), "checkout");
        for (query, field) in [
            (FindQuery::new(" "), "text"),
            (FindQuery::new("a\u{7}"), "text"),
            (FindQuery::new("ä".repeat(128)), "text"),
            (FindQuery::new("a").limit(0), "limit"),
            (FindQuery::new("a").limit(101), "limit"),
        ] {
            assert!(query.check().unwrap_err().detail.unwrap().starts_with(field), "{query:?}");
        }
    }
}
