//! A subscription to create: its definition, and what is checked about it.

use std::time::Duration;

use eqp_store::internal::{NewSubscription as NewRow, StoredSubscription};
use time::OffsetDateTime;

use super::{SubscriptionError, SubscriptionFilter};
use crate::{HandlerDefinition, HandlerSecrets};

/// The time for which a delivery that fails holds back the later ones of its resource, unless the subscription says otherwise.
const DEFAULT_HOLD: Duration = Duration::from_mins(15);
const LONGEST_NAME: usize = 100;

/// Whether the events of a resource are delivered in order while one of them fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderHold {
    /// A delivery that fails holds back the later ones of its resource for this time. They are then sent, and marked.
    For(Duration),
    /// A delivery that fails holds back the later ones of its resource until it is dead.
    Strict,
}

impl Default for OrderHold {
    fn default() -> Self {
        Self::For(DEFAULT_HOLD)
    }
}

/// The time for which a delivery of a subscription may wait while its handler fails, before its fallback receives the alert.
const FALLBACK_AFTER: Duration = Duration::from_mins(5);

/// The longest such time. Alerts that are older do not go to a fallback.
const LONGEST_AFTER: Duration = Duration::from_hours(7 * 24);

/// The subscription for which another one is the fallback: that one receives the alerts that this one cannot deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fallback {
    /// The name of the subscription.
    pub subscription: String,
    /// The time for which a delivery of it may wait while its handler fails.
    pub after: Duration,
}

impl Fallback {
    /// Makes a subscription the fallback of this one, after five minutes.
    pub fn of(subscription: impl Into<String>) -> Self {
        Self { subscription: subscription.into(), after: FALLBACK_AFTER }
    }

    /// Sets the time for which a delivery may wait while the handler fails.
    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

/// A subscription to create.
///
/// ```
/// use eqp_deliver::{HandlerDefinition, NewSubscription, SubscriptionFilter, WebhookDefinition};
///
/// let webhook = WebhookDefinition::new("https://hooks.example.com/eqp");
/// let mut new = NewSubscription::new("shop", HandlerDefinition::Webhook(webhook));
/// new.filter.statuses = vec!["approved".into()];
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSubscription {
    /// The name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The events that it receives.
    pub filter: SubscriptionFilter,
    /// How they are delivered.
    pub handler: HandlerDefinition,
    /// The secrets of the handler.
    pub secrets: HandlerSecrets,
    /// Whether the events of a resource are delivered in order while one of them fails.
    pub order_hold: OrderHold,
    /// The subscription for which it is the fallback. A fallback receives alerts only.
    pub fallback: Option<Fallback>,
    /// Whether it is removed when no consumer has fetched messages for 7 days.
    pub is_temporary: bool,
    /// Since when the events that it receives were recorded. By default, it receives those that are recorded from now on.
    pub since: Option<OffsetDateTime>,
}

impl NewSubscription {
    /// Creates a subscription to every event except those of the baseline, and to no alerts.
    pub fn new(name: impl Into<String>, handler: HandlerDefinition) -> Self {
        Self {
            name: name.into(),
            filter: SubscriptionFilter::default(),
            handler,
            secrets: HandlerSecrets::default(),
            order_hold: OrderHold::default(),
            fallback: None,
            is_temporary: false,
            since: None,
        }
    }

    /// Checks what does not depend on the database: the name and the filter.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Name`], [`SubscriptionError::Filter`] or [`SubscriptionError::Fallback`].
    pub fn check(&self) -> Result<(), SubscriptionError> {
        check_name(&self.name)?;
        if self.name.starts_with(LISTENER) && !self.is_temporary {
            return Err(SubscriptionError::Name { name: self.name.chars().take(40).collect() });
        }
        self.filter.check()?;
        let Some(fallback) = &self.fallback else { return Ok(()) };
        let refused = |reason| Err(SubscriptionError::fallback(&self.name, &fallback.subscription, reason));
        if fallback.subscription == self.name {
            return refused("a subscription cannot be its own fallback");
        }
        if fallback.after > LONGEST_AFTER {
            return refused("a delivery may wait for at most seven days");
        }
        if self.filter.restricts_events() {
            return refused("a fallback receives alerts only, so it cannot filter events");
        }
        if self.filter.digest.is_some() {
            return refused("a fallback receives alerts only, so it cannot receive a digest");
        }
        Ok(())
    }

    /// Returns whether the handler has secrets.
    pub fn has_secrets(&self) -> bool {
        !self.secrets.signing.is_empty() || !self.secrets.named.is_empty()
    }

    /// Returns the filter as it is stored: that of a fallback matches alerts only.
    pub(super) fn effective_filter(&self) -> SubscriptionFilter {
        let alerts_only = self.filter.alerts_only || self.fallback.is_some();
        SubscriptionFilter { alerts_only, ..self.filter.clone() }
    }
}

/// Returns a subscription as it is stored. Fails if it is the fallback of one that does not exist among the stored ones.
pub(super) fn row<'a>(
    new: &NewSubscription,
    mut stored: impl Iterator<Item = &'a StoredSubscription>,
) -> Result<NewRow, SubscriptionError> {
    new.check()?;
    let fallback = match &new.fallback {
        Some(fallback) => {
            let first = stored.find(|stored| stored.name == fallback.subscription);
            let first = first.ok_or_else(|| {
                SubscriptionError::fallback(
                    &new.name,
                    &fallback.subscription,
                    "there is no subscription with that name",
                )
            })?;
            let wants_alerts =
                serde_json::from_str(&first.filter).is_ok_and(|filter: SubscriptionFilter| filter.wants_alerts());
            if !wants_alerts {
                return Err(SubscriptionError::fallback(&new.name, &fallback.subscription, "it receives no alerts"));
            }
            Some((first.id, fallback.after))
        }
        None => None,
    };
    Ok(NewRow {
        name: new.name.clone(),
        filter: serde_json::to_string(&new.effective_filter()).expect("a filter is valid JSON"),
        handler: serde_json::to_string(&new.handler).expect("a definition is valid JSON"),
        order_hold: match new.order_hold {
            OrderHold::For(time) => Some(time),
            OrderHold::Strict => None,
        },
        declared_by: None,
        fallback,
        is_temporary: new.is_temporary,
        since: new.since,
    })
}

pub(super) fn not_found(name: &str) -> SubscriptionError {
    SubscriptionError::NotFound { name: name.chars().take(LONGEST_NAME).collect() }
}

/// The beginning of the names of listeners, which are followed by a user and a machine.
const LISTENER: &str = "listen/";

fn check_name(name: &str) -> Result<(), SubscriptionError> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let is_listeners = |letter: char| is_plain(letter) || letter == '@';
    let is_allowed = match name.strip_prefix(LISTENER) {
        Some(rest) => !rest.is_empty() && rest.chars().all(is_listeners),
        // `.` and `..` cannot be parts of a URL.
        None => name.chars().any(|letter| letter != '.') && name.chars().all(is_plain),
    };
    if name.len() > LONGEST_NAME || !is_allowed {
        return Err(SubscriptionError::Name { name: name.chars().take(40).collect() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["shop", "a.b_c-1", "listen/me@laptop.local", &"x".repeat(100)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "listen/", "listen/a/b", "a@b", "a b", "ä", "a/b", "\0", &"x".repeat(101)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
