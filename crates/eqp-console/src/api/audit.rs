//! The audit log: `/audit`.

use axum::Json;
use eqp_store::internal::{ANSWER, StoredAuditEntry, audit, within};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{Admin, ApiState, Authorized};
use crate::described::QueryOf;
use crate::extract::{Query, checked_limit};
use crate::problem::Problem;

/// Returns the routes of the audit log.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Selects entries of the audit log.
///
/// ```
/// let newest = eqp_console::AuditFilter { limit: 10, ..eqp_console::AuditFilter::default() };
/// assert_eq!(newest.before_id, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Only entries with a lower number, for requesting the next page.
    pub before_id: Option<i64>,
    /// The maximum number of entries: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self { before_id: None, limit: 50 }
    }
}

/// A change that was made through the operator service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AuditEntry {
    /// The number of the entry.
    pub id: i64,
    /// When the change was made.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
    /// The caller: `token NAME`, or `local administrator` for the tool on the server itself.
    pub principal: String,
    /// The operation, such as `token.create`.
    pub action: String,
    /// The changed object: a name or an ID.
    pub resource: Option<String>,
    /// The parameters of the operation, as a JSON object.
    pub detail: serde_json::Value,
}

/// Entries of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AuditLog {
    /// The entries, newest first.
    pub entries: Vec<AuditEntry>,
}

/// Read the audit log
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "listAudit",
    tag = "audit",
    params(QueryOf<AuditFilter>),
    responses((status = 200, description = "Changes of the last 400 days, newest first", body = AuditLog))
)]
async fn list(operator: Authorized<Admin>, Query(filter): Query<AuditFilter>) -> Result<Json<AuditLog>, Problem> {
    checked_limit(filter.limit)?;
    let entries = within(ANSWER, audit::list(operator.pool(), filter.before_id, filter.limit.into())).await?;
    let entries = entries.into_iter().map(|entry| {
        let StoredAuditEntry { id, at, principal, action, resource, detail } = entry;
        // The column has the type jsonb, so its text is valid.
        let detail = serde_json::from_str(&detail).unwrap_or(serde_json::Value::Null);
        AuditEntry { id, at, principal, action, resource, detail }
    });
    Ok(Json(AuditLog { entries: entries.collect() }))
}
