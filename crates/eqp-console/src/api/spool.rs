//! The spools of receivers: `/spool`.

use axum::Json;
use eqp_store::internal::{ANSWER, ReceiverState, health, within};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::authorized::{ApiState, Authorized, Read};
use crate::problem::Problem;
use crate::process_facts::SpoolLevel;

/// Returns the route of spools.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The spools, in which callbacks wait while the database is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Spools {
    /// The spool of the process that has answered, as it is now; null if the process does not accept callbacks or has no spool.
    pub own: Option<SpoolLevel>,
    /// The spools of the receivers that were running in the last hour, including this one, as they last reported them.
    pub receivers: Vec<ReceiverSpool>,
}

/// The spool of a receiver, as the receiver last reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReceiverSpool {
    /// The ID of the receiver's process.
    pub id: Uuid,
    /// Whether it reported its state in the last 30 seconds.
    pub is_running: bool,
    /// When it last did.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub heartbeat_at: OffsetDateTime,
    /// The number of callbacks in its spool.
    pub callbacks: u64,
    /// When the oldest of them arrived; null if there are none.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub oldest_at: Option<OffsetDateTime>,
}

impl From<ReceiverState> for ReceiverSpool {
    fn from(state: ReceiverState) -> Self {
        Self {
            id: state.id,
            is_running: state.is_running,
            heartbeat_at: state.heartbeat_at,
            callbacks: state.spool_callbacks,
            oldest_at: state.spool_oldest_at,
        }
    }
}

/// Show the spools of receivers
#[utoipa::path(
    get,
    path = "/spool",
    operation_id = "showSpool",
    tag = "health",
    responses((status = 200, description = "The callbacks that are not in the database yet", body = Spools))
)]
async fn show(operator: Authorized<Read>) -> Result<Json<Spools>, Problem> {
    let receivers = within(ANSWER, async {
        let mut connection = operator.pool().acquire().await?;
        health::receivers(&mut connection).await
    })
    .await?;
    Ok(Json(Spools {
        own: operator.process().spool.level(),
        receivers: receivers.into_iter().map(Into::into).collect(),
    }))
}
