//! Deleting old callbacks: `/retention`.

use std::time::Duration;

use axum::Json;
use eqp_store::internal::Retention;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Operate, Read};
use crate::described::QueryOf;
use crate::extract::{JsonBody, Query};
use crate::problem::Problem;

/// The minimum age of callbacks that are deleted. A shorter one is probably a mistake.
const SHORTEST: time::Duration = time::Duration::DAY;
/// The time after which a request is answered although callbacks remain, so that clients and proxies do not give up.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// Returns the routes of retention.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(count, delete))
}

/// Selects the callbacks that arrived before a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceivedBefore {
    /// The time, at least a day ago.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub(crate) before: OffsetDateTime,
}

impl ReceivedBefore {
    fn check(self) -> Result<OffsetDateTime, Problem> {
        // The clocks of client and server may differ.
        let latest = OffsetDateTime::now_utc() - SHORTEST + time::Duration::MINUTE;
        if self.before > latest {
            return Err(Problem::invalid("before must be at least a day ago"));
        }
        Ok(self.before)
    }
}

/// The number of callbacks that can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct OldCallbacks {
    /// The number of callbacks.
    pub(crate) callbacks: u64,
}

/// The result of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DeletedCallbacks {
    /// The number of callbacks that this request deleted.
    pub(crate) deleted: u64,
    /// Whether none remain. If not, send the same request again.
    pub(crate) is_complete: bool,
}

/// Count old callbacks
#[utoipa::path(
    get,
    path = "/retention",
    operation_id = "countOldCallbacks",
    tag = "retention",
    params(QueryOf<ReceivedBefore>),
    responses((status = 200, description = "The number of callbacks that would be deleted", body = OldCallbacks))
)]
async fn count(operator: Authorized<Read>, Query(old): Query<ReceivedBefore>) -> Result<Json<OldCallbacks>, Problem> {
    let retention = Retention::new(operator.pool().clone());
    Ok(Json(OldCallbacks { callbacks: retention.count_before(old.check()?).await? }))
}

/// Delete old callbacks
///
/// Events and the statuses of submissions and files are not deleted, and neither are callbacks that are not projected yet.
#[utoipa::path(
    post,
    path = "/retention",
    operation_id = "deleteOldCallbacks",
    tag = "retention",
    request_body = ReceivedBefore,
    responses((status = 200, description = "The number of deleted callbacks", body = DeletedCallbacks))
)]
async fn delete(
    operator: Authorized<Operate>,
    JsonBody(old): JsonBody<ReceivedBefore>,
) -> Result<Json<DeletedCallbacks>, Problem> {
    let before = old.check()?;
    let retention = Retention::new(operator.pool().clone());
    if retention.count_before(before).await? == 0 {
        return Ok(Json(DeletedCallbacks { deleted: 0, is_complete: true }));
    }
    operator.record("callbacks.delete", None, &old).await?;
    let (deleted, is_complete) = retention.delete_for(LONGEST_REQUEST, before).await?;
    Ok(Json(DeletedCallbacks { deleted, is_complete }))
}
