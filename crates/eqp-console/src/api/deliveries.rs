//! Deliveries: `/deliveries`.

use axum::Json;
use eqp_deliver::Subscriptions;
use eqp_store::internal::{
    ANSWER, AttemptSummary, DeliveryFilter, DeliverySource, DeliveryState, DeliverySummary, WaitReason, delivery,
    delivery_list, within,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Change, Operate, Read};
use crate::described::QueryOf;
use crate::extract::{JsonBody, PathParameters, Query, checked_limit, whole_number};
use crate::problem::Problem;

/// The maximum number of deliveries of one request.
const MAX_DELIVERIES: usize = 1_000;

/// Returns the routes of deliveries.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(retry)).routes(routes!(discard))
}

/// Selects deliveries that are waiting or dead, or those that were skipped.
///
/// ```
/// let newest = eqp_console::DeliveryQuery { limit: 10, ..eqp_console::DeliveryQuery::default() };
/// assert_eq!(newest.state, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryQuery {
    /// Only deliveries of this subscription.
    pub subscription: Option<String>,
    /// Only deliveries in this state. By default those that are waiting or dead. Skipped ones are listed for 7 days.
    pub state: Option<DeliveryState>,
    /// Only deliveries of the event with this number.
    pub event_seq: Option<i64>,
    /// Only deliveries of the replay with this number.
    pub replay: Option<i64>,
    /// Only deliveries with a lower ID, for requesting the next page.
    pub before_id: Option<i64>,
    /// The maximum number of deliveries: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for DeliveryQuery {
    fn default() -> Self {
        Self { subscription: None, state: None, event_seq: None, replay: None, before_id: None, limit: 50 }
    }
}

/// A message on its way to a handler. It is deleted when the handler has accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Delivery {
    /// The ID.
    pub id: i64,
    /// The name of the subscription.
    pub subscription: String,
    /// The source of the message.
    pub source: DeliverySource,
    /// The number of the event, or of the change of an alert; 0 for a test; of a digest, the end of its week in seconds since 1970.
    pub event_seq: i64,
    /// The alert that a change is about.
    pub alert: Option<i64>,
    /// The number of the replay that the delivery belongs to.
    pub replay: Option<i64>,
    /// Whether it is waiting, dead or skipped.
    pub state: DeliveryState,
    /// The reason why it is waiting; null unless it is.
    pub waits_for: Option<WaitReason>,
    /// The earlier delivery that it waits for.
    pub held_by: Option<i64>,
    /// The submission or file.
    pub resource_id: Option<String>,
    /// The status that the event reports.
    pub status: Option<String>,
    /// When the delivery was created or, of a skipped one, skipped.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: OffsetDateTime,
    /// The number of attempts that count. Those for which the handler was down do not.
    pub attempts: u32,
    /// When it is sent, if it waits for a known time: after a failure, while the handler is down, or in quiet hours.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub retry_at: Option<OffsetDateTime>,
    /// When it failed for good; null if it is waiting.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub dead_at: Option<OffsetDateTime>,
    /// The result of the last recorded attempt.
    pub last_result: Option<String>,
    /// The HTTP status or exit code of that attempt.
    pub last_status: Option<i32>,
    /// The start of the response, or the error, of that attempt.
    pub last_note: Option<String>,
}

impl From<DeliverySummary> for Delivery {
    fn from(summary: DeliverySummary) -> Self {
        Self {
            id: summary.id,
            subscription: summary.subscription,
            source: summary.source,
            event_seq: summary.event_seq,
            alert: summary.alert,
            replay: summary.replay,
            state: summary.state,
            waits_for: summary.waits_for,
            held_by: summary.held_by,
            resource_id: summary.resource_id,
            status: summary.event_status,
            created_at: summary.created_at,
            attempts: summary.attempts,
            retry_at: summary.retry_at,
            dead_at: summary.dead_at,
            last_result: summary.last_result,
            last_status: summary.last_status,
            last_note: summary.last_note,
        }
    }
}

/// An attempt to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Attempt {
    /// When it ended.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: OffsetDateTime,
    /// The name of the subscription, or null if it was deleted.
    pub subscription: Option<String>,
    /// The source of the message.
    pub source: DeliverySource,
    /// The number of the event, as in the delivery.
    pub event_seq: i64,
    /// The duration in milliseconds.
    pub duration_ms: i32,
    /// The result: `delivered`, `skipped`, `discarded`, or how it failed.
    pub result: String,
    /// The HTTP status or exit code.
    pub status: Option<i32>,
    /// The start of the response, or the error.
    pub note: Option<String>,
}

impl From<AttemptSummary> for Attempt {
    fn from(summary: AttemptSummary) -> Self {
        Self {
            at: summary.at,
            subscription: summary.subscription,
            source: summary.source,
            event_seq: summary.event_seq,
            duration_ms: summary.duration_ms,
            result: summary.result,
            status: summary.status,
            note: summary.note,
        }
    }
}

/// A list of deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DeliveryList {
    /// The deliveries, newest first.
    pub deliveries: Vec<Delivery>,
}

/// A delivery and its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DeliveryDetail {
    /// The ID.
    pub id: i64,
    /// The delivery; null if it was accepted or discarded.
    pub delivery: Option<Delivery>,
    /// The attempts of the last 7 days, oldest first, at most 200.
    pub attempts: Vec<Attempt>,
}

/// Deliveries to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeliverySelection {
    /// The IDs, at most 1,000.
    pub deliveries: Vec<i64>,
}

impl DeliverySelection {
    /// Selects these deliveries.
    pub fn new(deliveries: impl Into<Vec<i64>>) -> Self {
        Self { deliveries: deliveries.into() }
    }

    fn check(&self) -> Result<(), Problem> {
        if (1..=MAX_DELIVERIES).contains(&self.deliveries.len()) {
            return Ok(());
        }
        Err(Problem::invalid(format!("the number of deliveries must be 1 to {MAX_DELIVERIES}")))
    }
}

/// The number of changed deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ChangedDeliveries {
    /// The number of deliveries that were changed. The others have ended in the meantime.
    pub changed: u64,
}

/// List deliveries that are waiting or dead, or were skipped
#[utoipa::path(
    get,
    path = "/deliveries",
    operation_id = "listDeliveries",
    tag = "deliveries",
    params(QueryOf<DeliveryQuery>),
    responses((status = 200, description = "The deliveries that match all filters", body = DeliveryList))
)]
async fn list(operator: Authorized<Read>, Query(query): Query<DeliveryQuery>) -> Result<Json<DeliveryList>, Problem> {
    checked_limit(query.limit)?;
    let subscription = match &query.subscription {
        Some(name) => Some(Subscriptions::new(operator.pool().clone()).id(name).await?),
        None => None,
    };
    let filter = DeliveryFilter {
        subscription,
        state: query.state,
        event_seq: query.event_seq,
        replay: query.replay,
        before_id: query.before_id,
        limit: query.limit,
    };
    let deliveries = within(ANSWER, delivery_list::list(operator.pool(), &filter)).await?;
    Ok(Json(DeliveryList { deliveries: deliveries.into_iter().map(Delivery::from).collect() }))
}

/// Show a delivery and its attempts
#[utoipa::path(
    get,
    path = "/deliveries/{id}",
    operation_id = "showDelivery",
    tag = "deliveries",
    params(("id" = i64, Path, description = "The ID of the delivery")),
    responses((status = 200, description = "The delivery and its attempts", body = DeliveryDetail))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let id = whole_number(&id, "delivery")?;
    let found = within(ANSWER, delivery_list::find(operator.pool(), id)).await?;
    let attempts = within(ANSWER, delivery::attempts(operator.pool(), id)).await?;
    if found.is_none() && attempts.is_empty() {
        return Err(Problem::not_found(format!("there is no delivery {id}, or it ended more than 7 days ago")));
    }
    let attempts = attempts.into_iter().map(Attempt::from).collect();
    Ok(Json(DeliveryDetail { id, delivery: found.map(Delivery::from), attempts }))
}

/// Send deliveries now, also dead and skipped ones
#[utoipa::path(
    post,
    path = "/deliveries/retry",
    operation_id = "retryDeliveries",
    tag = "deliveries",
    request_body = DeliverySelection,
    responses((status = 200, description = "The number of deliveries that are sent", body = ChangedDeliveries))
)]
async fn retry(
    operator: Authorized<Operate>,
    JsonBody(selection): JsonBody<DeliverySelection>,
) -> Result<Json<ChangedDeliveries>, Problem> {
    selection.check()?;
    let ids = &selection.deliveries;
    let mut change = operator.begin().await?;
    let waiting = within(ANSWER, delivery::retry_waiting(change.connection(), ids)).await?;
    let dead = within(ANSWER, delivery::retry_dead(change.connection(), ids)).await?;
    let skipped = within(ANSWER, delivery::retry_skipped(change.connection(), ids)).await?;
    changed(change, "delivery.retry", &selection, waiting + dead + skipped).await
}

/// Discard deliveries without sending them
#[utoipa::path(
    post,
    path = "/deliveries/discard",
    operation_id = "discardDeliveries",
    tag = "deliveries",
    request_body = DeliverySelection,
    responses((status = 200, description = "The number of discarded deliveries", body = ChangedDeliveries))
)]
async fn discard(
    operator: Authorized<Operate>,
    JsonBody(selection): JsonBody<DeliverySelection>,
) -> Result<Json<ChangedDeliveries>, Problem> {
    selection.check()?;
    let note = format!("by {}", operator.principal());
    let mut change = operator.begin().await?;
    let discarded = within(ANSWER, delivery::discard(change.connection(), &selection.deliveries, &note)).await?;
    changed(change, "delivery.discard", &selection, discarded).await
}

/// Commits a change of deliveries, unless it has changed none.
async fn changed(
    change: Change,
    action: &str,
    selection: &DeliverySelection,
    changed: u64,
) -> Result<Json<ChangedDeliveries>, Problem> {
    if changed > 0 {
        change.commit(action, None, &json!({ "deliveries": selection.deliveries, "changed": changed })).await?;
    }
    Ok(Json(ChangedDeliveries { changed }))
}
