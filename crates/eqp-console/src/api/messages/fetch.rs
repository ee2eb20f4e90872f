//! Fetches messages: `/subscriptions/{name}/messages/fetch`.

use std::time::Duration;

use axum::Json;
use eqp_deliver::{Fetch, Fetched, FetchedMessage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::super::events::detail::CallbackReport;
use crate::authorized::{Authorized, Consume};
use crate::extract::{JsonBody, PathParameters};
use crate::problem::Problem;

/// The maximum number of messages of one request. With callbacks, each can have more than a quarter of a megabyte.
const MAX_MESSAGES: usize = 100;
const MAX_MESSAGES_WITH_CALLBACKS: usize = 20;
/// Proxies often end a request after 30 seconds.
const MAX_WAIT: u64 = 25;
/// The longest lease, in seconds.
const MAX_LEASE: u64 = 12 * 3_600;
/// The time between two checks of the token, and for shutdown, while a consumer waits.
const CHECK: Duration = Duration::from_secs(2);

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
pub(super) async fn fetch(
    operator: Authorized<Consume>,
    PathParameters([name]): PathParameters<1>,
    JsonBody(request): JsonBody<FetchRequest>,
) -> Result<Json<FetchedMessages>, Problem> {
    let end = Instant::now() + request.check()?;
    let _permit = operator.wait_for_messages()?;
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
