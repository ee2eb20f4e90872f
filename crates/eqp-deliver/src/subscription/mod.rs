//! Subscriptions: which events are delivered to which handler.

mod administration;
mod cache;
mod changes;
mod error;
mod filter;
mod secrets;
mod wildcard;

use std::time::Duration;

use eqp_store::internal::{StoredSubscription, SubscriptionId, SubscriptionState};
use time::OffsetDateTime;

use crate::{HandlerDefinition, WebhookDefinition};

pub use administration::{NewSubscription, OrderHold, SubscriptionSummary, Subscriptions};
pub(crate) use cache::SubscriptionCache;
pub use changes::SubscriptionChanges;
pub use error::SubscriptionError;
pub use filter::{FilterError, SubscriptionFilter};
pub(crate) use filter::{KnownSku, Matched};
pub(crate) use secrets::open as open_secrets;

/// A subscription as it is used by the fan-out and the workers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) name: String,
    pub(crate) filter: SubscriptionFilter,
    pub(crate) handler: HandlerDefinition,
    /// For how long a delivery that fails holds back its successors. `None`: until it is dead.
    pub(crate) order_hold: Option<Duration>,
    /// It is active, and in step with the fan-out.
    pub(crate) is_in_step: bool,
    pub(crate) updated_at: OffsetDateTime,
}

impl Subscription {
    /// Reads a stored subscription. Fails if it was written by a newer version that has settings this one does not know.
    pub(crate) fn of_stored(stored: &StoredSubscription) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: stored.id,
            name: stored.name.clone(),
            filter: serde_json::from_str(&stored.filter)?,
            handler: serde_json::from_str(&stored.handler)?,
            order_hold: stored.order_hold,
            is_in_step: stored.state == SubscriptionState::Active && stored.cursor_seq.is_none(),
            updated_at: stored.updated_at,
        })
    }

    /// Returns whether messages contain more than the default ones: deliveries then wait for the details of a new resource.
    pub(crate) fn needs_details(&self) -> bool {
        self.filter.needs_sku()
            || match &self.handler {
                HandlerDefinition::Webhook(webhook) => mentions_details(webhook),
                HandlerDefinition::Exec(_) | HandlerDefinition::Pull => false,
                HandlerDefinition::Slack(_) => true,
            }
    }

    /// Returns whether workers send its deliveries. Those of the others are fetched by consumers.
    pub(crate) fn is_sent(&self) -> bool {
        self.handler != HandlerDefinition::Pull
    }
}

/// Returns whether a template mentions one of the details.
fn mentions_details(webhook: &WebhookDefinition) -> bool {
    let templates = webhook.headers.values().chain(&webhook.body).chain([&webhook.url]);
    templates
        .filter(|template| template.contains("{{") || template.contains("{%"))
        .any(|template| ["sku", "version", "name", "data"].iter().any(|detail| template.contains(detail)))
}
