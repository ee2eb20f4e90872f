//! Subscriptions: which events are delivered to which handler.

mod administration;
mod cache;
mod changes;
mod declared;
mod error;
mod filter;
mod new_subscription;
mod problem;
mod rotation;
mod secrets;
mod wildcard;

use std::time::Duration;

use eqp_store::internal::{ReportedChange, StoredSubscription, SubscriptionId, SubscriptionState};
use time::OffsetDateTime;

use crate::{HandlerDefinition, WebhookDefinition};

pub use administration::{SubscriptionSummary, Subscriptions};
pub(crate) use cache::SubscriptionCache;
pub use changes::SubscriptionChanges;
pub use declared::Declaration;
pub use error::SubscriptionError;
pub use filter::{DigestInterval, FilterError, SubscriptionFilter};
pub(crate) use filter::{KnownSku, Matched};
pub use new_subscription::{Fallback, NewSubscription, OrderHold};
pub use problem::DeliveryProblem;
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
    /// The subscription for which it is the fallback.
    pub(crate) fallback_for: Option<SubscriptionId>,
    /// It is active, and in step with the fan-out.
    pub(crate) is_in_step: bool,
    pub(crate) is_paused: bool,
    pub(crate) created_at: OffsetDateTime,
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
            fallback_for: stored.fallback.as_ref().map(|fallback| fallback.subscription),
            is_paused: stored.state == SubscriptionState::Paused,
            is_in_step: stored.state == SubscriptionState::Active && stored.cursor_seq.is_none(),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        })
    }

    /// Returns whether messages contain more than the default ones: deliveries then wait for the details of a new resource.
    pub(crate) fn needs_details(&self) -> bool {
        self.filter.needs_sku()
            || match &self.handler {
                HandlerDefinition::Webhook(webhook) => mentions_details(webhook),
                other => other.is_for_people(),
            }
    }

    /// Returns whether the filter matches an entry of the log of alerts.
    pub(crate) fn wants(&self, change: &ReportedChange) -> bool {
        match change {
            ReportedChange::Alert(alert) => self.filter.matches_alert(alert),
            ReportedChange::Reminder(reminder) => self.filter.matches_reminder(reminder.severity),
        }
    }

    /// Returns whether messages about a rejection show its reasons: deliveries then wait for them.
    pub(crate) fn shows_findings(&self) -> bool {
        match &self.handler {
            HandlerDefinition::Webhook(webhook) => {
                let mut templates = webhook.headers.values().chain(webhook.contents());
                templates.any(|template| template.contains("findings"))
            }
            other => other.is_for_people(),
        }
    }

    /// Returns whether workers send its deliveries. Those of the others are fetched by consumers.
    pub(crate) fn is_sent(&self) -> bool {
        self.handler != HandlerDefinition::Pull
    }
}

/// The fields of a message that come from the details of a resource, or are derived from them.
const DETAILS: [&str; 8] = ["sku", "version", "name", "commit", "repository", "tag", "store_version", "findings"];

/// Returns whether a template of a webhook shows one of the details.
fn mentions_details(webhook: &WebhookDefinition) -> bool {
    webhook.headers.values().chain(webhook.contents()).any(|template| shows_details(template))
}

/// Returns whether a template shows one of the details, or a value that contains all of them: `data` or `message` as a whole.
fn shows_details(template: &str) -> bool {
    if !(template.contains("{{") || template.contains("{%")) {
        return false;
    }
    let mut after = template;
    while let Some(start) = after.find(is_word) {
        let word_and_rest = &after[start..];
        let end = word_and_rest.find(|char| !is_word(char)).unwrap_or(word_and_rest.len());
        let (word, rest) = word_and_rest.split_at(end);
        let shows = match (word, rest.trim_start().strip_prefix('.')) {
            ("data", Some(field)) => DETAILS.iter().any(|detail| starts_with_word(field.trim_start(), detail)),
            ("data" | "message", _) => true,
            _ => false,
        };
        if shows {
            return true;
        }
        after = rest;
    }
    false
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_templates_that_show_details_wait_for_them() {
        for template in ["{{ data.sku }}", "{{ data }}", "{{ data['name'] }}", "{{message}}", "{% if data . tag %}"] {
            assert!(shows_details(template), "{template}");
        }
        for template in ["{{ data.status }}", "{{ data.skus }}", "{{ type }}", "data.sku", "{{ metadata.sku }}", ""] {
            assert!(!shows_details(template), "{template}");
        }
    }
}
