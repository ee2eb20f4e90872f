//! The operations, one file per resource.

pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod bodies;
pub(crate) mod callbacks;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod find;
pub(crate) mod health;
pub(crate) mod letter;
pub(crate) mod links;
pub(crate) mod messages;
pub(crate) mod products;
pub(crate) mod reconcile_runs;
pub(crate) mod replays;
pub(crate) mod retention;
pub(crate) mod reviews;
pub(crate) mod spool;
pub(crate) mod status;
pub(crate) mod submission_links;
pub(crate) mod submissions;
pub(crate) mod subscriptions;
pub(crate) mod tokens;

use axum::response::IntoResponse;
use eqp_types::Secret;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serializer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};

/// The base path of all operations.
pub(crate) const BASE: &str = "/api/v1";

/// The OpenAPI document as it is served. `cargo xtask docs` generates it, so that a server does not need the generator.
pub(crate) const SERVED: &str = include_str!("../../openapi.json");

/// Returns the routes of all operations, relative to the base path.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(status::routes())
        .merge(find::routes())
        .merge(events::routes())
        .merge(callbacks::routes())
        .merge(submissions::routes())
        .merge(files::routes())
        .merge(products::routes())
        .merge(reviews::routes())
        .merge(submission_links::routes())
        .merge(accounts::routes())
        .merge(endpoints::routes())
        .merge(reconcile_runs::routes())
        .merge(spool::routes())
        .merge(retention::routes())
        .merge(alerts::routes())
        .merge(letter::routes())
        .merge(tokens::routes())
        .merge(links::routes())
        .merge(health::routes())
        .merge(audit::routes())
        .merge(subscriptions::routes())
        .merge(deliveries::routes())
        .merge(messages::routes())
        .merge(replays::routes())
        .routes(routes!(document))
}

/// Serializes a secret. Only the response to its creation contains it.
fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// An OpenAPI document. Its other fields are those of OpenAPI 3.1.
#[expect(dead_code, reason = "only its schema is used")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct OpenApiDocument {
    /// The version of OpenAPI.
    openapi: String,
}

/// Return the OpenAPI document of this API
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "about",
    responses((status = 200, description = "This document", content_type = "application/json", body = OpenApiDocument))
)]
async fn document(_: Authorized<Read>) -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], SERVED)
}
