//! Acknowledges and returns messages: `/subscriptions/{name}/messages/ack` and `…/nack`.

use std::time::Duration;

use axum::Json;
use eqp_deliver::{AckId, Nack};
use serde::{Deserialize, Serialize};

use crate::authorized::{Authorized, Consume};
use crate::extract::{JsonBody, PathParameters};
use crate::problem::Problem;

/// The maximum number of messages that one request acknowledges. More would exceed the size of a body.
const MAX_ACKS: usize = 1_000;
/// The longest wait after a message was returned, in seconds.
const MAX_DELAY: u64 = 7 * 86_400;
const MAX_REASON: usize = 500;

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
    /// The number of messages that were acknowledged or returned. The others had been before, or the lease had been replaced by a newer one;
    /// this is not an error.
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
pub(super) async fn ack(
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
pub(super) async fn nack(
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
