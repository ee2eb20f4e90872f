//! Subscriptions: `/subscriptions`.

pub(crate) mod check;
pub(crate) mod request;
pub(crate) mod rotation;
mod shown;

use axum::Json;
use eqp_deliver::{
    HandlerDefinition, OrderHold, SubscriptionChanges, SubscriptionError, SubscriptionFilter, SubscriptionSummary,
    Subscriptions,
};
use eqp_store::internal::{ANSWER, instance, within};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::request::{PauseRequest, SubscriptionRequest, TestQuery};
use self::shown::shown_to;
use crate::authorized::{Admin, ApiState, Authorized, Operate, Read};
use crate::described::QueryOf;
use crate::extract::{JsonBody, PathParameters, Query};
use crate::problem::{Problem, ProblemCode};

/// The operation that is impossible without the master key.
const UNSEALABLE: &str = "secrets cannot be stored";
/// The maximum length of the reason of a pause.
const MAX_REASON: usize = 500;

/// Returns the routes of subscriptions.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, remove))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(test))
        .merge(check::routes())
        .merge(rotation::routes())
}

/// A subscription: which events are delivered to which handler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Subscription {
    /// The name.
    pub name: String,
    /// Whether and how it is used at the moment.
    pub state: SubscriptionState,
    /// The events that it receives; null if a newer version has defined it.
    pub filter: Option<SubscriptionFilter>,
    /// How they are delivered, without secrets; null if a newer version has defined it. Callers without the scope `admin` see only the
    /// scheme, host and port of a URL, and no values of headers and bodies.
    pub handler: Option<HandlerDefinition>,
    /// For how many seconds a delivery that fails holds back the later ones of its resource; null: until it is dead.
    pub order_hold: Option<u64>,
    /// The subscription for which it is the fallback: it receives only the alerts that that one cannot deliver.
    pub fallback_for: Option<String>,
    /// For how many seconds a delivery of that subscription may wait while its handler fails.
    pub fallback_after: Option<u64>,
    /// The file that declares it; null if it was created through this API.
    pub declared_by: Option<String>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub created_at: OffsetDateTime,
    /// The reason of the pause.
    pub paused_reason: Option<String>,
    /// Since when it has been paused.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub paused_at: Option<OffsetDateTime>,
    /// Since when the handler has been down.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub failing_since: Option<OffsetDateTime>,
    /// When the handler is tried again, if it is down.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub next_probe_at: Option<OffsetDateTime>,
    /// The number of deliveries that wait.
    pub waiting: u64,
    /// The number of events that were recorded while it was paused, and are not compared with its filter yet: at most this number will wait in addition.
    #[serde(default)]
    pub unmatched: u64,
    /// The number of deliveries that failed for good.
    pub dead: u64,
    /// When the oldest waiting delivery was created.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub oldest_waiting_at: Option<OffsetDateTime>,
    /// Whether it is removed when no consumer has fetched messages for 7 days.
    pub is_temporary: bool,
    /// When a consumer last fetched messages, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub fetched_at: Option<OffsetDateTime>,
}

impl Subscription {
    /// Returns the number of waiting deliveries, and how many events of a pause can be added to them, such as `3, and at most 12 more`.
    pub fn described_waiting(&self) -> String {
        match self.unmatched {
            0 => self.waiting.to_string(),
            more => format!("{}, and at most {more} more", self.waiting),
        }
    }

    /// Describes the handler in a few words, such as `Slack channel C123`.
    pub fn described_handler(&self) -> String {
        let handler = match &self.handler {
            Some(HandlerDefinition::Webhook(webhook)) => webhook.url.clone(),
            Some(HandlerDefinition::Exec(exec)) => format!("program {}", exec.program),
            Some(HandlerDefinition::Pull) => "fetched by consumers".to_owned(),
            Some(HandlerDefinition::Slack(slack)) => match &slack.channel {
                Some(channel) => format!("Slack channel {channel}"),
                None => "Slack incoming webhook".to_owned(),
            },
            Some(HandlerDefinition::Discord) => "Discord webhook".to_owned(),
            Some(HandlerDefinition::Teams) => "Teams webhook".to_owned(),
            Some(HandlerDefinition::Email(email)) => format!("mail to {}", email.to.join(", ")),
            None => "defined by a newer version".to_owned(),
        };
        match &self.fallback_for {
            Some(first) => format!("{handler} (fallback for {first})"),
            None => handler,
        }
    }
}

/// Whether and how a subscription is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum SubscriptionState {
    /// Events are delivered.
    Active,
    /// It was paused, and the events of that time are being delivered.
    CatchingUp,
    /// The handler is down. Deliveries wait, and it is tried again regularly.
    Down,
    /// Nothing is delivered until it is resumed.
    Paused,
}

impl From<SubscriptionSummary> for Subscription {
    fn from(summary: SubscriptionSummary) -> Self {
        let state = if summary.paused_at.is_some() {
            SubscriptionState::Paused
        } else if summary.open_until.is_some() {
            SubscriptionState::Down
        } else if summary.is_catching_up {
            SubscriptionState::CatchingUp
        } else {
            SubscriptionState::Active
        };
        Self {
            name: summary.name,
            state,
            filter: summary.filter,
            handler: summary.handler,
            order_hold: match summary.order_hold {
                OrderHold::For(time) => Some(time.as_secs()),
                OrderHold::Strict => None,
            },
            fallback_after: summary.fallback.as_ref().map(|fallback| fallback.after.as_secs()),
            fallback_for: summary.fallback.map(|fallback| fallback.subscription),
            declared_by: summary.declared_by,
            created_at: summary.created_at,
            paused_reason: summary.paused_reason,
            paused_at: summary.paused_at,
            failing_since: summary.failing_since,
            next_probe_at: summary.open_until,
            waiting: summary.waiting,
            unmatched: summary.unmatched,
            dead: summary.dead,
            oldest_waiting_at: summary.oldest_waiting_at,
            is_temporary: summary.is_temporary,
            fetched_at: summary.fetched_at,
        }
    }
}

/// All subscriptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubscriptionList {
    /// The subscriptions, by name.
    pub subscriptions: Vec<Subscription>,
}

/// A requested test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RequestedTest {
    /// The ID of the delivery under which the attempt is recorded.
    pub delivery: i64,
}

impl From<SubscriptionError> for Problem {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Store(error) => error.into(),
            SubscriptionError::NotFound { .. } => Self::not_found(error.to_string()),
            SubscriptionError::NameInUse { .. }
            | SubscriptionError::Declared { .. }
            | SubscriptionError::NotDeclared { .. }
            | SubscriptionError::NotSigned { .. }
            | SubscriptionError::TooManySigningSecrets { .. }
            | SubscriptionError::NothingToTest { .. } => Self::new(ProblemCode::Conflict).detail(error.to_string()),
            error => Self::invalid(error.to_string()),
        }
    }
}

/// List subscriptions
#[utoipa::path(
    get,
    path = "/subscriptions",
    operation_id = "listSubscriptions",
    tag = "subscriptions",
    responses((status = 200, description = "All subscriptions, without secrets", body = SubscriptionList))
)]
async fn list(operator: Authorized<Read>) -> Result<Json<SubscriptionList>, Problem> {
    let subscriptions = administration(operator.pool()).list().await?;
    let shown = |one: SubscriptionSummary| shown_to(operator.principal(), one.into());
    Ok(Json(SubscriptionList { subscriptions: subscriptions.into_iter().map(shown).collect() }))
}

/// Show a subscription
#[utoipa::path(
    get,
    path = "/subscriptions/{name}",
    operation_id = "showSubscription",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription")),
    responses((status = 200, description = "The subscription, without secrets", body = Subscription))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([name]): PathParameters<1>,
) -> Result<Json<Subscription>, Problem> {
    found(&operator, &name).await
}

/// Create a subscription
#[utoipa::path(
    post,
    path = "/subscriptions",
    operation_id = "createSubscription",
    tag = "subscriptions",
    request_body = SubscriptionRequest,
    responses((status = 201, description = "The subscription, which receives events from now on", body = Subscription))
)]
async fn create(
    operator: Authorized<Admin>,
    JsonBody(request): JsonBody<SubscriptionRequest>,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    check::checked(&operator, &request)?;
    let new = request.into_new();
    let (has_secrets, key) = (new.has_secrets(), operator.master_key(UNSEALABLE).ok());
    if let Some(key) = key.filter(|_| has_secrets) {
        // Secrets under another key than the database's could not be opened by a worker.
        within(ANSWER, instance::bind(operator.pool(), key.fingerprint())).await?;
    }
    let fallback_for = new.fallback.as_ref().map(|fallback| &fallback.subscription);
    let detail = json!({
        "handler": new.handler, "filter": new.filter, "secrets": has_secrets, "fallback_for": fallback_for,
    });
    let mut change = operator.begin().await?;
    SubscriptionChanges::new(change.connection()).add(&new, key).await?;
    change.commit("subscription.create", Some(&new.name), &detail).await?;
    Ok((StatusCode::CREATED, Json(administration(operator.pool()).find(&new.name).await?.into())))
}

/// Remove a subscription
#[utoipa::path(
    delete,
    path = "/subscriptions/{name}",
    operation_id = "removeSubscription",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription")),
    responses((status = 204, description = "The subscription and its deliveries are removed"))
)]
async fn remove(operator: Authorized<Admin>, PathParameters([name]): PathParameters<1>) -> Result<StatusCode, Problem> {
    let found = administration(operator.pool()).find(&name).await?;
    let detail = json!({ "waiting": found.waiting, "dead": found.dead });
    let mut change = operator.begin().await?;
    SubscriptionChanges::new(change.connection()).remove(&name).await?;
    change.commit("subscription.remove", Some(&name), &detail).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pause a subscription
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/pause",
    operation_id = "pauseSubscription",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = PauseRequest,
    responses((status = 200, description = "The paused subscription", body = Subscription))
)]
async fn pause(
    operator: Authorized<Operate>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<PauseRequest>,
) -> Result<Json<Subscription>, Problem> {
    let reason = request.reason.unwrap_or_else(|| format!("by {}", operator.principal()));
    if reason.chars().count() > MAX_REASON || reason.contains('\0') {
        return Err(Problem::invalid(format!("the reason has more than {MAX_REASON} characters, or contains NUL")));
    }
    let mut change = operator.begin().await?;
    if SubscriptionChanges::new(change.connection()).pause(&name, &reason).await? {
        change.commit("subscription.pause", Some(&name), &json!({ "reason": reason })).await?;
    }
    found(&operator, &name).await
}

/// Resume a subscription
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/resume",
    operation_id = "resumeSubscription",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription")),
    responses((status = 200, description = "The subscription, which delivers the events of the pause", body = Subscription))
)]
async fn resume(
    operator: Authorized<Operate>,
    PathParameters([name]): PathParameters<1>,
) -> Result<Json<Subscription>, Problem> {
    let mut change = operator.begin().await?;
    if SubscriptionChanges::new(change.connection()).resume(&name).await? {
        change.commit("subscription.resume", Some(&name), &json!({})).await?;
    }
    found(&operator, &name).await
}

/// Send a test message
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/test",
    operation_id = "testSubscription",
    tag = "subscriptions",
    params(("name" = String, Path, description = "The name of the subscription"), QueryOf<TestQuery>),
    responses((status = 202, description = "A worker sends a test message once", body = RequestedTest))
)]
async fn test(
    operator: Authorized<Operate>,
    PathParameters([name]): PathParameters<1>,
    Query(query): Query<TestQuery>,
) -> Result<(StatusCode, Json<RequestedTest>), Problem> {
    let wait = query.checked()?;
    let mut change = operator.begin().await?;
    let delivery = SubscriptionChanges::new(change.connection()).test(&name, wait).await?;
    change.commit("subscription.test", Some(&name), &json!({ "delivery": delivery })).await?;
    Ok((StatusCode::ACCEPTED, Json(RequestedTest { delivery })))
}

async fn found<S>(operator: &Authorized<S>, name: &str) -> Result<Json<Subscription>, Problem> {
    let found = administration(operator.pool()).find(name).await?;
    Ok(Json(shown_to(operator.principal(), found.into())))
}

fn administration(pool: &eqp_store::sqlx::PgPool) -> Subscriptions {
    Subscriptions::new(pool.clone())
}
