//! Messages that consumers fetch: `/subscriptions/{name}/messages`.

use std::time::Duration;

use axum::Json;
use eqp_deliver::{
    AckId, Fetch, Fetched, FetchedMessage, HandlerDefinition, Nack, NewSubscription, PullError, SubscriptionChanges,
    SubscriptionError, SubscriptionFilter, Subscriptions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::events::detail::CallbackReport;
use super::subscriptions::Subscription;
use crate::authorized::{ApiState, Authorized, Consume};
use crate::extract::{JsonBody, PathParameters};
use crate::problem::{Problem, ProblemCode};

/// The maximum number of messages of one request. With callbacks, each can have more than a quarter of a megabyte.
const MAX_MESSAGES: usize = 100;
const MAX_MESSAGES_WITH_CALLBACKS: usize = 20;
/// The maximum number of messages that one request acknowledges. More would exceed the size of a body.
const MAX_ACKS: usize = 1_000;
/// Proxies often end a request after 30 seconds.
const MAX_WAIT: u64 = 25;
/// The longest lease, and the longest wait after a message was returned, in seconds.
const MAX_LEASE: u64 = 12 * 3_600;
const MAX_DELAY: u64 = 7 * 86_400;
const MAX_REASON: usize = 500;
/// The time between two checks of the token, and for shutdown, while a consumer waits.
const CHECK: Duration = Duration::from_secs(2);
/// The beginning of the names of temporary subscriptions.
const LISTENER: &str = "listen/";
/// The maximum number of temporary subscriptions. Each event is stored for each of them for up to 7 days.
const MAX_TEMPORARY: usize = 200;

/// Returns the routes of messages.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(listen)).routes(routes!(fetch)).routes(routes!(ack)).routes(routes!(nack))
}

/// A temporary subscription to create or to continue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ListenRequest {
    /// The events that it receives. Null: all except those of the baseline, or those of the existing subscription.
    pub filter: Option<SubscriptionFilter>,
    /// A new subscription also receives the events that were recorded since this time.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub since: Option<OffsetDateTime>,
}

/// A subscription whose messages can be fetched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Listener {
    /// The subscription.
    pub subscription: Subscription,
    /// Whether this request has created it.
    pub is_new: bool,
}

/// How messages are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The maximum number of messages: 10 by default, and at most 100, or 20 with callbacks.
    pub max_messages: usize,
    /// For how many seconds the response waits for the first message: 20 by default, and at most 25.
    pub max_wait: u64,
    /// For how many seconds the messages are leased: 60 by default. A message that is neither acknowledged nor returned until then is
    /// fetched again.
    pub lease: u64,
    /// Whether the messages contain the callbacks as the Marketplace sent them.
    pub callbacks: bool,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self { max_messages: 10, max_wait: 20, lease: 60, callbacks: false }
    }
}

/// Fetched messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FetchedMessages {
    /// The messages, each about another submission, file or alert. Empty if none arrived in time.
    pub messages: Vec<PulledMessage>,
    /// Whether the subscription is paused. Nothing is fetched until it is resumed.
    pub is_paused: bool,
    /// The number of recorded events that are not matched against the subscriptions yet. If it stays above 0, no server with the role
    /// `deliver` is running.
    pub unmatched_events: u64,
}

/// A fetched message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PulledMessage {
    /// The text with which this message is acknowledged or returned.
    pub ack_id: String,
    /// The ID of the message, which is the same whenever it is delivered: `webhook-id` of a webhook.
    pub id: String,
    /// The number of the replay that the message is part of.
    pub replay: Option<i64>,
    /// The number of times that the message was fetched or failed, including this one.
    pub attempt: u32,
    /// The message: the same JSON as the body of a webhook.
    #[cfg_attr(feature = "schema", schemars(with = "eqp_deliver::MessageBody"))]
    pub message: Box<RawValue>,
    /// The callback that reported the event, if it was requested. Null for alerts, for events that were read from the API, and if
    /// retention has deleted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackReport>,
}

/// Messages to acknowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AckRequest {
    /// The ack IDs, at most 1,000.
    pub ack_ids: Vec<String>,
}

/// Messages to return.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NackRequest {
    /// The ack IDs, at most 1,000.
    pub ack_ids: Vec<String>,
    /// After how many seconds the messages are fetched again. Null: after the waits of a webhook that fails; after the tenth time, they
    /// are dead.
    #[serde(default)]
    pub delay: Option<u64>,
    /// Whether the messages are dead at once: `eqp deliveries retry` makes them available again.
    #[serde(default)]
    pub dead: bool,
    /// The reason, at most 500 characters, which is recorded with the attempt.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The number of messages of a request that it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Settled {
    /// The number of messages that were acknowledged or returned. The others had been before, or their lease had expired; this is not an
    /// error.
    pub changed: u64,
}

impl AckRequest {
    /// Acknowledges these messages.
    pub fn new(ack_ids: impl Into<Vec<String>>) -> Self {
        Self { ack_ids: ack_ids.into() }
    }
}

impl NackRequest {
    /// Returns these messages, which are fetched again after the waits of a webhook that fails.
    pub fn new(ack_ids: impl Into<Vec<String>>) -> Self {
        Self { ack_ids: ack_ids.into(), ..Self::default() }
    }
}

impl FetchRequest {
    fn check(&self) -> Result<Duration, Problem> {
        let most = if self.callbacks { MAX_MESSAGES_WITH_CALLBACKS } else { MAX_MESSAGES };
        if !(1..=most).contains(&self.max_messages) {
            return Err(Problem::invalid(format!("max_messages is not in the range 1 to {most}")));
        }
        if self.max_wait > MAX_WAIT {
            return Err(Problem::invalid(format!("max_wait is not in the range 0 to {MAX_WAIT}")));
        }
        if !(1..=MAX_LEASE).contains(&self.lease) {
            return Err(Problem::invalid(format!("lease is not in the range 1 to {MAX_LEASE}")));
        }
        Ok(Duration::from_secs(self.max_wait))
    }
}

impl From<PullError> for Problem {
    fn from(error: PullError) -> Self {
        match error {
            PullError::Store(error) => error.into(),
            PullError::NotFound { .. } => Self::not_found(error.to_string()),
            PullError::NotFetched { .. } | PullError::NoInstance => {
                Self::new(ProblemCode::Conflict).detail(error.to_string())
            }
            error => Self::invalid(error.to_string()),
        }
    }
}

/// Create a temporary subscription, or continue with an existing one
///
/// Its messages are fetched. It is removed when no consumer has fetched messages for 7 days. The name of a new one begins with `listen/`,
/// which is added if it is missing, so that consumers cannot use up the names of other subscriptions.
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/listen",
    operation_id = "listen",
    tag = "messages",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = ListenRequest,
    responses((status = 200, description = "The subscription", body = Listener))
)]
async fn listen(
    operator: Authorized<Consume>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<ListenRequest>,
) -> Result<Json<Listener>, Problem> {
    let subscriptions = Subscriptions::new(operator.pool().clone());
    let exists = async |name: &str| match subscriptions.find(name).await {
        Ok(_) => Ok(true),
        Err(SubscriptionError::NotFound { .. }) => Ok(false),
        Err(error) => Err(Problem::from(error)),
    };
    let name = if name.starts_with(LISTENER) || exists(&name).await? { name } else { format!("{LISTENER}{name}") };
    let is_new = !exists(&name).await? && create(&operator, &subscriptions, &name, &request).await?;
    let found = subscriptions.find(&name).await?;
    let conflict = |detail: String| Err(Problem::new(ProblemCode::Conflict).detail(detail));
    if found.handler != Some(HandlerDefinition::Pull) {
        return conflict(PullError::NotFetched { name }.to_string());
    }
    if request.filter.is_some() && request.filter != found.filter {
        return conflict(format!("the subscription `{name}` exists with another filter"));
    }
    Ok(Json(Listener { subscription: found.into(), is_new }))
}

/// Creates a temporary subscription. Returns false if another consumer has just created it.
async fn create(
    operator: &Authorized<Consume>,
    subscriptions: &Subscriptions,
    name: &str,
    request: &ListenRequest,
) -> Result<bool, Problem> {
    if subscriptions.list().await?.iter().filter(|one| one.is_temporary).count() >= MAX_TEMPORARY {
        return Err(Problem::new(ProblemCode::Conflict)
            .detail(format!("there are already {MAX_TEMPORARY} temporary subscriptions")));
    }
    let mut new = NewSubscription::new(name, HandlerDefinition::Pull);
    new.filter = request.filter.clone().unwrap_or_default();
    (new.is_temporary, new.since) = (true, request.since);
    let mut change = operator.begin().await?;
    match SubscriptionChanges::new(change.connection()).add(&new, None).await {
        Ok(()) => {}
        Err(SubscriptionError::NameInUse { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let detail = json!({ "handler": new.handler, "filter": new.filter, "secrets": false, "temporary": true });
    change.commit("subscription.create", Some(name), &detail).await?;
    Ok(true)
}

/// Fetch messages
///
/// Leases up to `max_messages` messages, and waits up to `max_wait` seconds for the first one. The messages about one resource are fetched
/// in order: the next one after the previous one was acknowledged. Consumers of one subscription share its messages.
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/messages/fetch",
    operation_id = "fetchMessages",
    tag = "messages",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = FetchRequest,
    responses((status = 200, description = "The messages, or none", body = FetchedMessages))
)]
async fn fetch(
    operator: Authorized<Consume>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<FetchRequest>,
) -> Result<Json<FetchedMessages>, Problem> {
    let end = Instant::now() + request.check()?;
    let _permit = operator
        .consumers()
        .try_acquire_owned()
        .map_err(|_| Problem::new(ProblemCode::Busy).detail("too many consumers are waiting for messages"))?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let fetch = Fetch {
            max_messages: request.max_messages,
            max_wait: left.min(CHECK),
            lease: Duration::from_secs(request.lease),
        };
        let fetched = operator.pull().fetch(&name, &fetch).await?;
        if !fetched.messages.is_empty() || left <= CHECK || operator.shutdown().is_cancelled() {
            return Ok(Json(messages(&operator, fetched, request.callbacks).await?));
        }
        // A token that was revoked in the meantime fetches nothing more.
        operator.check_again().await?;
    }
}

async fn messages(
    operator: &Authorized<Consume>,
    fetched: Fetched,
    callbacks: bool,
) -> Result<FetchedMessages, Problem> {
    let mut messages = Vec::new();
    for FetchedMessage { ack_id, attempt, message, .. } in fetched.messages {
        let id = message.body.callback_id().filter(|_| callbacks);
        let callback = match id {
            Some(id) => operator.reader().callback(id).await?,
            None => None,
        };
        messages.push(PulledMessage {
            ack_id: ack_id.to_string(),
            replay: message.replay,
            attempt,
            message: RawValue::from_string(message.json()).expect("the body of a message is JSON"),
            callback: callback.map(CallbackReport::from),
            id: message.id,
        });
    }
    Ok(FetchedMessages { messages, is_paused: fetched.is_paused, unmatched_events: fetched.unmatched_events })
}

/// Acknowledge messages
///
/// They are not fetched again. Repeating it is not an error, and neither is acknowledging a message after its lease.
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/messages/ack",
    operation_id = "ackMessages",
    tag = "messages",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = AckRequest,
    responses((status = 200, description = "The number of messages that were acknowledged now", body = Settled))
)]
async fn ack(
    operator: Authorized<Consume>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<AckRequest>,
) -> Result<Json<Settled>, Problem> {
    let ids = ack_ids(&request.ack_ids)?;
    Ok(Json(Settled { changed: operator.pull().ack(&name, &ids).await? }))
}

/// Return messages that could not be processed
#[utoipa::path(
    post,
    path = "/subscriptions/{name}/messages/nack",
    operation_id = "nackMessages",
    tag = "messages",
    params(("name" = String, Path, description = "The name of the subscription")),
    request_body = NackRequest,
    responses((status = 200, description = "The number of messages that were returned now", body = Settled))
)]
async fn nack(
    operator: Authorized<Consume>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<NackRequest>,
) -> Result<Json<Settled>, Problem> {
    let ids = ack_ids(&request.ack_ids)?;
    let nack = match (request.delay, request.dead) {
        (None, true) => Nack::Dead,
        (None, false) => Nack::Scheduled,
        (Some(_), true) => return Err(Problem::invalid("delay and dead cannot be used together")),
        (Some(delay), false) if delay > MAX_DELAY => {
            return Err(Problem::invalid(format!("delay is not in the range 0 to {MAX_DELAY}")));
        }
        (Some(delay), false) => Nack::After(Duration::from_secs(delay)),
    };
    let reason = request.reason.as_deref();
    if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
        return Err(Problem::invalid(format!("the reason has more than {MAX_REASON} characters")));
    }
    Ok(Json(Settled { changed: operator.pull().nack(&name, &ids, nack, reason).await? }))
}

fn ack_ids(texts: &[String]) -> Result<Vec<AckId>, Problem> {
    if !(1..=MAX_ACKS).contains(&texts.len()) {
        return Err(Problem::invalid(format!("the number of ack IDs is not in the range 1 to {MAX_ACKS}")));
    }
    texts.iter().map(|text| text.parse::<AckId>().map_err(|error| Problem::invalid(error.to_string()))).collect()
}
