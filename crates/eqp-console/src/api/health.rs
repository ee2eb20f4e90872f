//! The state of the installation: `/health`.

use std::time::Instant;

use axum::Json;
use eqp_store::internal::{
    ANSWER, ComparedRegistration, DatabaseFacts, EndpointState, ReceiverState, delivery_queue, health, pending, within,
};
use eqp_types::{Environment, MageId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::authorized::{ApiState, Authorized, Read};
use crate::problem::Problem;
use crate::setting::Setting;

/// Returns the route of the state of the installation.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The state of the parts of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Health {
    /// The version of the server.
    pub version: String,
    /// The database.
    pub database: DatabaseHealth,
    /// The receivers that were running in the last hour.
    pub receivers: Vec<ReceiverHealth>,
    /// The callbacks and API reads that are not projected into events yet.
    pub projection: ProjectionHealth,
    /// The deliveries of all subscriptions.
    pub deliveries: DeliveryHealth,
    /// The endpoints in use, by name.
    pub endpoints: Vec<EndpointHealth>,
    /// The settings of the process that has answered, without secrets.
    pub configuration: Vec<Setting>,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DatabaseHealth {
    /// The version of Postgres.
    pub version: String,
    /// The time of the database.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub now: OffsetDateTime,
    /// The size of the whole database in bytes.
    pub size_bytes: u64,
    /// The number of the last migration.
    pub migration: i64,
    /// The ID of the installation; null until a receiver has used the database.
    pub instance: Option<Uuid>,
    /// For how many milliseconds the server waited for these facts.
    pub answered_in_ms: u64,
}

/// A receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReceiverHealth {
    /// The ID of the process, which is new at every start.
    pub id: Uuid,
    /// Whether it reported its state in the last 30 seconds.
    pub is_running: bool,
    /// When it last did.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub heartbeat_at: OffsetDateTime,
    /// When the certificate of its listener expires; null for plain HTTP.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub certificate_expires_at: Option<OffsetDateTime>,
    /// The number of callbacks in its spool.
    pub spool_callbacks: u64,
    /// When the oldest of them arrived.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub spool_oldest_at: Option<OffsetDateTime>,
    /// The version of its program; null if it is older than this field.
    #[serde(default)]
    pub version: Option<String>,
}

/// The queue of the projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProjectionHealth {
    /// The number of batches that wait, at most 100,000.
    pub pending_batches: u64,
    /// When the oldest report that waits arrived, if this is known.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub oldest_at: Option<OffsetDateTime>,
}

/// The queue of deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DeliveryHealth {
    /// The number of events that are not matched against the subscriptions yet.
    pub unmatched: u64,
    /// For how many seconds the delivery that is due for the longest has been due; null if none is.
    pub overdue_seconds: Option<u64>,
    /// The number of subscriptions that are paused.
    pub paused: u64,
    /// The number of subscriptions whose handler is down.
    pub down: u64,
}

/// An endpoint in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EndpointHealth {
    /// The name.
    pub name: String,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The URL that the Marketplace calls.
    pub url: String,
    /// When the last callback arrived; null if none has.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub last_callback_at: Option<OffsetDateTime>,
    /// The result of the last comparison with the Marketplace's list of callbacks; null if there was none.
    pub registration: Option<RegistrationHealth>,
}

/// The result of a comparison of an endpoint with the Marketplace's list of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RegistrationHealth {
    /// The state, such as `registered` or `missing`.
    pub state: String,
    /// Whether the list contains the endpoint as it should. If not, it has drifted.
    pub is_consistent: bool,
    /// Since when every comparison has found this state.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub since: OffsetDateTime,
    /// When they were last compared.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub checked_at: OffsetDateTime,
}

impl From<ReceiverState> for ReceiverHealth {
    fn from(state: ReceiverState) -> Self {
        let ReceiverState {
            id,
            heartbeat_at,
            is_running,
            certificate_expires_at,
            spool_callbacks,
            spool_oldest_at,
            version,
        } = state;
        Self { id, is_running, heartbeat_at, certificate_expires_at, spool_callbacks, spool_oldest_at, version }
    }
}

impl From<EndpointState> for EndpointHealth {
    fn from(state: EndpointState) -> Self {
        let EndpointState { name, environment, mage_id, public_url, last_callback_at, registration } = state;
        let registration = registration.map(Into::into);
        Self { name, environment, mage_id, url: public_url, last_callback_at, registration }
    }
}

impl From<ComparedRegistration> for RegistrationHealth {
    fn from(compared: ComparedRegistration) -> Self {
        let ComparedRegistration { state, is_consistent, since, checked_at } = compared;
        Self { state, is_consistent, since, checked_at }
    }
}

/// Show the state of the installation
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "showHealth",
    tag = "health",
    responses((status = 200, description = "The state of receivers, database, projection, deliveries and endpoints", body = Health))
)]
async fn show(operator: Authorized<Read>) -> Result<Json<Health>, Problem> {
    let began = Instant::now();
    let (database, receivers, endpoints, backlog, queue) = within(ANSWER, async {
        let mut connection = operator.pool().acquire().await?;
        let database = health::database(&mut connection).await?;
        let receivers = health::receivers(&mut connection).await?;
        let endpoints = health::endpoints(&mut connection).await?;
        let backlog = pending::backlog(&mut *connection).await?;
        // Only the totals are used.
        let queue = delivery_queue::measure(&mut connection, 0).await?;
        Ok::<_, eqp_store::sqlx::Error>((database, receivers, endpoints, backlog, queue))
    })
    .await?;
    let DatabaseFacts { version, now, size_bytes, migration, instance } = database;
    let answered_in_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: DatabaseHealth { version, now, size_bytes, migration, instance, answered_in_ms },
        receivers: receivers.into_iter().map(Into::into).collect(),
        projection: ProjectionHealth { pending_batches: backlog.batches.unsigned_abs(), oldest_at: backlog.oldest },
        deliveries: DeliveryHealth {
            unmatched: queue.fan_out_lag,
            overdue_seconds: queue.overdue.map(|overdue| overdue.as_secs()),
            paused: queue.paused,
            down: queue.open,
        },
        endpoints: endpoints.into_iter().map(Into::into).collect(),
        configuration: operator.configuration().to_vec(),
    }))
}
