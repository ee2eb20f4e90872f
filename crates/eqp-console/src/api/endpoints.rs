//! Endpoints with their registration and credentials: `/endpoints`.

use axum::Json;
use eqp_store::CredentialSummary;
use eqp_store::internal::{ANSWER, EndpointFilter, ListedEndpoint, endpoint_list, within};
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::health::RegistrationHealth;
use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{Query, checked_limit};
use crate::problem::Problem;

/// Returns the route of endpoints.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Selects endpoints.
///
/// ```
/// let next = eqp_console::EndpointQuery { after_name: Some("main".into()), ..Default::default() };
/// assert_eq!(next.limit, 50);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EndpointQuery {
    /// Only endpoints of this environment.
    pub environment: Option<Environment>,
    /// Only endpoints of this account.
    pub mage_id: Option<MageId>,
    /// Also endpoints that are no longer in use.
    pub retired: bool,
    /// Only endpoints after this name, for requesting the next page.
    pub after_name: Option<String>,
    /// The maximum number of endpoints: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for EndpointQuery {
    fn default() -> Self {
        Self { environment: None, mage_id: None, retired: false, after_name: None, limit: 50 }
    }
}

/// A list of endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EndpointList {
    /// The endpoints, by name.
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Endpoint {
    /// The name.
    pub name: String,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The path at which the receiver answers.
    pub path: String,
    /// The URL that the Marketplace calls.
    pub url: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: OffsetDateTime,
    /// When it was retired; null if it is in use.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub retired_at: Option<OffsetDateTime>,
    /// The result of the last comparison with the Marketplace's list of callbacks; null if there was none. It has drifted if
    /// `is_consistent` is false.
    pub registration: Option<RegistrationHealth>,
    /// The newest 20 credentials, newest first.
    pub credentials: Vec<Credential>,
}

/// A credential of an endpoint, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Credential {
    /// The user name, which the Marketplace's list of callbacks shows.
    pub username: String,
    /// The state: `pending`, `active`, `retiring` or `retired`. The receiver accepts every credential that is not retired.
    pub state: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: OffsetDateTime,
    /// When a callback first used it. Receivers record this every few seconds.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub first_used_at: Option<OffsetDateTime>,
    /// When a callback last used it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_used_at: Option<OffsetDateTime>,
    /// While retiring: when it becomes invalid; null until a callback has used its successor.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub retires_at: Option<OffsetDateTime>,
}

impl From<ListedEndpoint> for Endpoint {
    fn from(endpoint: ListedEndpoint) -> Self {
        Self {
            name: endpoint.name,
            environment: endpoint.environment,
            mage_id: endpoint.mage_id,
            path: endpoint.path,
            url: endpoint.public_url,
            created_at: endpoint.created_at,
            retired_at: endpoint.retired_at,
            registration: endpoint.registration.map(Into::into),
            credentials: endpoint.credentials.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CredentialSummary> for Credential {
    fn from(credential: CredentialSummary) -> Self {
        Self {
            username: credential.username,
            state: credential.state.as_str().to_owned(),
            created_at: credential.created_at,
            first_used_at: credential.first_used_at,
            last_used_at: credential.last_used_at,
            retires_at: credential.retire_at,
        }
    }
}

/// List endpoints with their registration and credentials
#[utoipa::path(
    get,
    path = "/endpoints",
    operation_id = "listEndpoints",
    tag = "endpoints",
    params(QueryOf<EndpointQuery>),
    responses((status = 200, description = "The endpoints that match all filters, without secrets", body = EndpointList))
)]
async fn list(operator: Authorized<Read>, Query(query): Query<EndpointQuery>) -> Result<Json<EndpointList>, Problem> {
    checked_limit(query.limit)?;
    let EndpointQuery { environment, mage_id, retired, after_name, limit } = query;
    let filter = EndpointFilter { environment, mage_id, includes_retired: retired, after_name, limit };
    let endpoints = within(ANSWER, endpoint_list::list(operator.pool(), &filter)).await?;
    Ok(Json(EndpointList { endpoints: endpoints.into_iter().map(Into::into).collect() }))
}
