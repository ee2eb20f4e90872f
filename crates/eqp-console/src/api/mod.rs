//! The operations, one file per resource.

pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod letter;
pub(crate) mod retention;
pub(crate) mod submissions;
pub(crate) mod subscriptions;
pub(crate) mod tokens;

use utoipa_axum::router::OpenApiRouter;

use crate::authorized::ApiState;

/// The base path of all operations.
pub(crate) const BASE: &str = "/api/v1";

/// Returns the routes of all operations, relative to the base path.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(events::routes())
        .merge(submissions::routes())
        .merge(accounts::routes())
        .merge(retention::routes())
        .merge(alerts::routes())
        .merge(letter::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(subscriptions::routes())
        .merge(deliveries::routes())
}
