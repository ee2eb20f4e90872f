//! The bodies of requests about subscriptions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::problem::Problem;
use eqp_deliver::{Fallback, HandlerDefinition, NewSubscription, OrderHold, SubscriptionFilter};
use eqp_types::Secret;
use serde::{Deserialize, Serialize, Serializer};

/// The longest time for which a failing delivery holds back others, in seconds.
const MAX_ORDER_HOLD: u64 = 10 * 366 * 86_400;

/// A subscription to create.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SubscriptionRequest {
    /// The name: at most 100 letters, digits, `-`, `_` and `.`, or `listen/` and the user and machine of a listener.
    pub name: String,
    /// The events that it receives. By default all except those of the baseline.
    #[serde(default)]
    pub filter: SubscriptionFilter,
    /// How they are delivered.
    pub handler: HandlerDefinition,
    /// For how many seconds a delivery that fails holds back the later ones of its resource: 900 by default. Null: until it is dead.
    #[serde(default = "default_hold")]
    pub order_hold: Option<u64>,
    /// The subscription for which it is the fallback: it then receives no events, and only the alerts that that one cannot deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_for: Option<String>,
    /// For how many seconds a delivery of that subscription may wait while its handler fails: 300 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_after: Option<u64>,
    /// The secrets with which requests are signed, the newest first.
    #[serde(default, serialize_with = "exposed_list")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub signing_secrets: Vec<Secret>,
    /// Secrets that templates use as `secrets.NAME`; `url` of a webhook of Slack, Discord or Teams, and `token` of a Slack bot.
    #[serde(default, serialize_with = "exposed_map")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, String>"))]
    pub secrets: BTreeMap<String, Secret>,
}

impl SubscriptionRequest {
    /// Creates a subscription to every event except those of the baseline.
    pub fn new(name: impl Into<String>, handler: HandlerDefinition) -> Self {
        Self {
            name: name.into(),
            filter: SubscriptionFilter::default(),
            handler,
            order_hold: default_hold(),
            fallback_for: None,
            fallback_after: None,
            signing_secrets: Vec::new(),
            secrets: BTreeMap::new(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.order_hold.is_some_and(|seconds| seconds > MAX_ORDER_HOLD) {
            return Err(Problem::invalid("order_hold must be at most ten years"));
        }
        if self.fallback_after.is_some() && self.fallback_for.is_none() {
            return Err(Problem::invalid("fallback_after has no effect without fallback_for"));
        }
        Ok(())
    }

    pub(super) fn into_new(self) -> NewSubscription {
        let mut new = NewSubscription::new(self.name, self.handler);
        new.filter = self.filter;
        new.order_hold = self.order_hold.map_or(OrderHold::Strict, |time| OrderHold::For(Duration::from_secs(time)));
        new.fallback = self.fallback_for.map(|first| match self.fallback_after {
            Some(seconds) => Fallback::of(first).after(Duration::from_secs(seconds)),
            None => Fallback::of(first),
        });
        (new.secrets.signing, new.secrets.named) = (self.signing_secrets, self.secrets);
        new
    }
}

impl fmt::Debug for SubscriptionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

fn default_hold() -> Option<u64> {
    match OrderHold::default() {
        OrderHold::For(time) => Some(time.as_secs()),
        OrderHold::Strict => None,
    }
}

/// Serializes a secret. Only requests contain them.
pub(super) fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

fn exposed_list<S: Serializer>(secrets: &[Secret], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(Secret::expose))
}

fn exposed_map<S: Serializer>(secrets: &BTreeMap<String, Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(secrets.iter().map(|(name, secret)| (name, secret.expose())))
}

/// The longest time for which a caller waits for the result of a test, in seconds.
pub(crate) const MAX_WAIT: u64 = 86_400;

/// The duration for which the caller waits for the result of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TestQuery {
    /// For how many seconds the caller waits for the result: 60 by default, and at most 86,400. The message is not sent later.
    pub(crate) wait: u64,
}

impl Default for TestQuery {
    fn default() -> Self {
        Self { wait: 60 }
    }
}

impl TestQuery {
    pub(super) fn checked(self) -> Result<Duration, Problem> {
        if (1..=MAX_WAIT).contains(&self.wait) {
            return Ok(Duration::from_secs(self.wait));
        }
        Err(Problem::invalid(format!("wait is not in the range 1 to {MAX_WAIT}")))
    }
}

/// The reason of a pause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PauseRequest {
    /// The reason, at most 500 characters.
    pub reason: Option<String>,
}
