//! Replays: `/replays`.

use axum::Json;
use eqp_deliver::{PlannedSubscription, ReplayError, ReplayPlan, ReplaySelection, ReplayState, ReplaySummary, Replays};
use eqp_store::Event;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Operate, Read};
use crate::described::QueryOf;
use crate::extract::{JsonBody, PathParameters, Query, checked_limit, whole_number};
use crate::problem::{Problem, ProblemCode};

/// Returns the routes of replays.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(plan))
        .routes(routes!(show))
        .routes(routes!(cancel))
}

/// Events to deliver again.
///
/// ```
/// use eqp_deliver::ReplaySelection;
///
/// let request = eqp_console::ReplayRequest::new(ReplaySelection::of_events([1200])).to("shop");
/// assert_eq!(request.to.as_deref(), Some("shop"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReplayRequest {
    /// The selected events.
    pub selection: ReplaySelection,
    /// The name of the subscription that receives them. By default, every subscription whose filter they match.
    pub to: Option<String>,
    /// The last event that is part of the replay, as a plan returns it. By default the newest one.
    pub up_to_seq: Option<i64>,
    /// The number of deliveries of the plan. If it has changed, the request fails.
    pub expected_deliveries: Option<u64>,
}

impl ReplayRequest {
    /// Selects events, for every subscription whose filter they match.
    pub fn new(selection: ReplaySelection) -> Self {
        Self { selection, ..Self::default() }
    }

    /// Sets the subscription that receives the events.
    #[must_use]
    pub fn to(self, subscription: impl Into<String>) -> Self {
        Self { to: Some(subscription.into()), ..self }
    }

    /// Requests exactly what was planned.
    #[must_use]
    pub fn planned(self, plan: &PlannedReplay) -> Self {
        Self { up_to_seq: Some(plan.up_to_seq), expected_deliveries: Some(plan.deliveries), ..self }
    }
}

/// The events that a replay would deliver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlannedReplay {
    /// The last event that is part of the replay. Later ones are new.
    pub up_to_seq: i64,
    /// The number of events that the selection matches.
    pub selected: u64,
    /// The number of these that at least one subscription receives.
    pub events: u64,
    /// The number of deliveries.
    pub deliveries: u64,
    /// The subscriptions that receive events, by name.
    pub subscriptions: Vec<ReplayReceiver>,
    /// The subscriptions that receive none because consumers fetch their messages: pass one of them as `to` to replay to it.
    #[serde(default)]
    pub fetched: Vec<String>,
    /// The first 20 events that are delivered.
    pub first: Vec<Event>,
}

/// A subscription that receives events of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReplayReceiver {
    /// The name of the subscription.
    pub name: String,
    /// The number of events that it receives.
    pub deliveries: u64,
    /// Whether it is paused. It receives them after it is resumed.
    pub paused: bool,
}

impl From<ReplayPlan> for PlannedReplay {
    fn from(plan: ReplayPlan) -> Self {
        let receiver = |PlannedSubscription { name, deliveries, is_paused, .. }| ReplayReceiver {
            name,
            deliveries,
            paused: is_paused,
        };
        Self {
            up_to_seq: plan.up_to_seq,
            selected: plan.selected,
            events: plan.events,
            deliveries: plan.deliveries,
            subscriptions: plan.subscriptions.into_iter().map(receiver).collect(),
            fetched: plan.fetched,
            first: plan.first,
        }
    }
}

/// A replay and the state of its deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Replay {
    /// The number, which the messages contain.
    pub id: i64,
    /// The state.
    pub state: ReplayState,
    /// The subscription that receives the events; null: every one whose filter they match.
    pub to: Option<String>,
    /// The selected events; null if a newer version has requested the replay.
    pub selection: Option<ReplaySelection>,
    /// The last event that is part of the replay.
    pub up_to_seq: i64,
    /// The number of deliveries when the replay was requested.
    pub planned: u64,
    /// The number of deliveries that have been created. It stays lower than `planned` if reprojection has replaced events since.
    pub created: u64,
    /// Whether all of its deliveries have been created.
    pub complete: bool,
    /// The number of deliveries that are waiting.
    pub waiting: u64,
    /// The number of these that have failed before.
    pub retrying: u64,
    /// The number of deliveries that failed for good.
    pub dead: u64,
    /// The number of deliveries that were discarded when it was cancelled.
    pub discarded: u64,
    /// The number of deliveries that have ended otherwise: delivered, skipped, or discarded one by one.
    pub ended: u64,
    /// When it was requested.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub requested_at: OffsetDateTime,
    /// The caller that requested it: `token NAME`, or `local administrator`.
    pub requested_by: String,
    /// When it was cancelled.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub cancelled_at: Option<OffsetDateTime>,
}

impl From<ReplaySummary> for Replay {
    fn from(summary: ReplaySummary) -> Self {
        Self {
            id: summary.id,
            state: summary.state,
            to: summary.subscription,
            selection: summary.selection,
            up_to_seq: summary.up_to_seq,
            planned: summary.planned,
            created: summary.created,
            complete: summary.is_complete,
            waiting: summary.waiting,
            retrying: summary.retrying,
            dead: summary.dead,
            ended: summary.created.saturating_sub(summary.waiting + summary.dead + summary.discarded),
            discarded: summary.discarded,
            requested_at: summary.requested_at,
            requested_by: summary.requested_by,
            cancelled_at: summary.cancelled_at,
        }
    }
}

/// Replays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReplayList {
    /// The replays, newest first.
    pub replays: Vec<Replay>,
}

/// Selects replays.
///
/// ```
/// assert_eq!(eqp_console::ReplayQuery::default().limit, 50);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplayQuery {
    /// The maximum number of replays: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for ReplayQuery {
    fn default() -> Self {
        Self { limit: 50 }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            ReplayError::Subscription(error) => error.into(),
            ReplayError::NotFound { .. } | ReplayError::UnknownEvents { .. } => Self::not_found(error.to_string()),
            ReplayError::TooManyEvents { .. } => Self::invalid(error.to_string()),
            error => Self::new(ProblemCode::Conflict).detail(error.to_string()),
        }
    }
}

/// List replays
#[utoipa::path(
    get,
    path = "/replays",
    operation_id = "listReplays",
    tag = "replays",
    params(QueryOf<ReplayQuery>),
    responses((status = 200, description = "The replays of the last 90 days, newest first", body = ReplayList))
)]
async fn list(operator: Authorized<Read>, Query(query): Query<ReplayQuery>) -> Result<Json<ReplayList>, Problem> {
    checked_limit(query.limit)?;
    let replays = replays(&operator).list(query.limit).await?;
    Ok(Json(ReplayList { replays: replays.into_iter().map(Replay::from).collect() }))
}

/// Show a replay
#[utoipa::path(
    get,
    path = "/replays/{id}",
    operation_id = "showReplay",
    tag = "replays",
    params(("id" = i64, Path, description = "The number of the replay")),
    responses((status = 200, description = "The replay and the state of its deliveries", body = Replay))
)]
async fn show(operator: Authorized<Read>, PathParameters([id]): PathParameters<1>) -> Result<Json<Replay>, Problem> {
    Ok(Json(replays(&operator).find(number(&id)?).await?.into()))
}

/// Plan a replay
#[utoipa::path(
    post,
    path = "/replays/plan",
    operation_id = "planReplay",
    tag = "replays",
    request_body = ReplayRequest,
    responses((status = 200, description = "The events that would be delivered again; nothing is changed", body = PlannedReplay))
)]
async fn plan(
    operator: Authorized<Operate>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<Json<PlannedReplay>, Problem> {
    Ok(Json(planned(&operator, &request).await?.into()))
}

/// Deliver events again
#[utoipa::path(
    post,
    path = "/replays",
    operation_id = "createReplay",
    tag = "replays",
    request_body = ReplayRequest,
    responses((status = 201, description = "The replay, which workers carry out", body = Replay))
)]
async fn create(
    operator: Authorized<Operate>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<(StatusCode, Json<Replay>), Problem> {
    let plan = planned(&operator, &request).await?;
    if let Some(expected) = request.expected_deliveries.filter(|expected| *expected != plan.deliveries) {
        return Err(ReplayError::Changed { expected, planned: plan.deliveries }.into());
    }
    let mut change = operator.begin().await?;
    let id = Replays::request(change.connection(), &plan, &operator.principal().to_string()).await?;
    let detail = json!({ "selection": plan.selection, "to": request.to, "deliveries": plan.deliveries });
    change.commit("replay.create", Some(&id.to_string()), &detail).await?;
    Ok((StatusCode::CREATED, Json(replays(&operator).find(id).await?.into())))
}

/// Cancel a replay
#[utoipa::path(
    post,
    path = "/replays/{id}/cancel",
    operation_id = "cancelReplay",
    tag = "replays",
    params(("id" = i64, Path, description = "The number of the replay")),
    responses((status = 200, description = "The replay; its waiting deliveries were discarded", body = Replay))
)]
async fn cancel(
    operator: Authorized<Operate>,
    PathParameters([id]): PathParameters<1>,
) -> Result<Json<Replay>, Problem> {
    let id = number(&id)?;
    let replays = replays(&operator);
    replays.find(id).await?;
    let mut change = operator.begin().await?;
    let discarded = Replays::cancel(change.connection(), id, &operator.principal().to_string()).await?;
    change.commit("replay.cancel", Some(&id.to_string()), &json!({ "discarded": discarded })).await?;
    Ok(Json(replays.find(id).await?.into()))
}

async fn planned(operator: &Authorized<Operate>, request: &ReplayRequest) -> Result<ReplayPlan, Problem> {
    Ok(replays(operator).plan(&request.selection, request.to.as_deref(), request.up_to_seq).await?)
}

fn replays<S>(operator: &Authorized<S>) -> Replays {
    Replays::new(operator.pool().clone())
}

/// Reads the number of a replay in a path.
fn number(text: &str) -> Result<i64, Problem> {
    whole_number(text, "replay")
}
