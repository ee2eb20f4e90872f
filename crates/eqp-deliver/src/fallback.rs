//! Passes alerts to the fallback of a subscription that cannot deliver them.
//!
//! An alert that was opened, or a reminder, goes to the fallback if the subscription is paused, if the alert is about that subscription,
//! or if its delivery is dead or has waited for too long. Later changes of the alert go to the fallback as well, so that it also reports the
//! resolution. Each decision is stored in the transaction that inserts the delivery, under the lock of the fan-out. A fallback therefore
//! receives a change at most once, also after a crash and with several processes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eqp_store::AlertChangeKind;
use eqp_store::internal::{
    FallbackDecision, ReportedChange, SubscriptionId, UndeliverableChange, alert_fallback, reported_alert,
};
use eqp_store::sqlx::{self, PgConnection};

use crate::matching::{alert_delivery, subscription_of};
use crate::subscription::Subscription;

/// The fallbacks that have received an alert.
type Receivers = BTreeSet<(SubscriptionId, i64)>;

/// Decides about the changes after a number and up to another one, which were just matched against the subscriptions.
pub(crate) async fn route(
    connection: &mut PgConnection,
    subscriptions: &[Subscription],
    (mut after, up_to): (i64, i64),
) -> Result<(), sqlx::Error> {
    if after >= up_to || subscriptions.iter().all(|one| one.fallback_for.is_none()) {
        return Ok(());
    }
    let fallbacks = Fallbacks::of(subscriptions);
    loop {
        let changes = reported_alert::between(connection, after, up_to).await?;
        let alerts: Vec<i64> = changes.iter().flat_map(alerts_of).collect();
        let mut receivers = alert_fallback::receivers(connection, &alerts).await?.into_iter().collect::<Receivers>();
        let mut decisions = Decisions::default();
        for change in &changes {
            for fallback in fallbacks.needed_at_once(change, &receivers) {
                fallbacks.decide(fallback, change, &mut decisions);
            }
            receivers.extend(decisions.receivers_of(change));
        }
        decisions.store(connection).await?;
        match changes.last() {
            Some(last) if reported_alert::is_full(&changes) => after = last.number(),
            _ => return Ok(()),
        }
    }
}

/// Decides about changes that subscriptions cannot deliver. `up_to` is the last change that was matched.
pub(crate) async fn escalate(
    connection: &mut PgConnection,
    subscriptions: &[Subscription],
    undeliverable: &[UndeliverableChange],
    up_to: i64,
) -> Result<(), sqlx::Error> {
    let fallbacks = Fallbacks::of(subscriptions);
    let numbers: Vec<i64> = undeliverable.iter().map(|one| one.number).collect();
    let mut changes = reported_alert::by_number(connection, &numbers).await?;
    let mut decisions = Decisions::default();
    for one in undeliverable {
        let (Some(change), Some(fallback)) = (changes.get(&one.number), fallbacks.by_id(one.fallback)) else {
            continue;
        };
        fallbacks.decide(fallback, change, &mut decisions);
    }
    // Later changes of these alerts.
    for (fallback, number, alert) in decisions.sent_alerts() {
        let later = alert_fallback::later_changes(connection, alert, number, up_to).await?;
        changes.extend(reported_alert::by_number(connection, &later).await?);
        let Some(fallback) = fallbacks.by_id(fallback) else { continue };
        for change in later.iter().filter_map(|number| changes.get(number)) {
            fallbacks.decide(fallback, change, &mut decisions);
        }
    }
    decisions.store(connection).await
}

/// The subscriptions, of which some are fallbacks.
struct Fallbacks<'a> {
    all: &'a [Subscription],
    by_id: HashMap<SubscriptionId, &'a Subscription>,
}

impl<'a> Fallbacks<'a> {
    fn of(all: &'a [Subscription]) -> Self {
        Self { all, by_id: all.iter().map(|one| (one.id, one)).collect() }
    }

    fn by_id(&self, id: SubscriptionId) -> Option<&'a Subscription> {
        self.by_id.get(&id).copied()
    }

    /// Returns the fallbacks that receive a change at once, because the subscription cannot deliver it now or because they have received
    /// the opening.
    fn needed_at_once(&self, change: &ReportedChange, receivers: &Receivers) -> Vec<&'a Subscription> {
        let about = subscription_of(change);
        let is_needed = |fallback: &&Subscription| {
            let Some(first) = fallback.fallback_for else { return false };
            let has_received = alerts_of(change).any(|alert| receivers.contains(&(fallback.id, alert)));
            let cannot_deliver = match self.by_id(first) {
                // A newer version has defined it, so it was paused.
                None => true,
                // It is a fallback itself: its waiting deliveries are escalated.
                Some(first) if first.fallback_for.is_some() => false,
                Some(first) => about == Some(first.id) || (first.is_paused && first.wants(change)),
            };
            match change {
                ReportedChange::Alert(alert) if alert.change != AlertChangeKind::Opened => has_received,
                ReportedChange::Alert(_) => cannot_deliver,
                ReportedChange::Reminder(_) => cannot_deliver || has_received,
            }
        };
        self.all.iter().filter(is_needed).collect()
    }

    /// Decides whether a fallback receives a change. An alert about the fallback itself goes to its own fallbacks instead.
    fn decide(&self, fallback: &Subscription, change: &ReportedChange, decisions: &mut Decisions) {
        let is_about_it = subscription_of(change) == Some(fallback.id);
        let is_sent = !is_about_it && fallback.wants(change);
        let decision = FallbackDecision {
            fallback: fallback.id,
            number: change.number(),
            alert: match change {
                ReportedChange::Alert(alert) => Some(alert.alert),
                ReportedChange::Reminder(_) => None,
            },
            delivery: is_sent.then(|| alert_delivery(fallback.id, change)),
        };
        if decisions.add(decision) && is_about_it {
            for next in self.all.iter().filter(|one| one.fallback_for == Some(fallback.id)) {
                self.decide(next, change, decisions);
            }
        }
    }
}

/// The decisions of one transaction, by number and fallback.
#[derive(Default)]
struct Decisions(BTreeMap<(i64, SubscriptionId), FallbackDecision>);

impl Decisions {
    /// Adds a decision. Returns false if it was made before.
    fn add(&mut self, decision: FallbackDecision) -> bool {
        self.0.insert((decision.number, decision.fallback), decision).is_none()
    }

    /// Returns the fallbacks that receive an alert because of a change, with the alert.
    fn receivers_of(&self, change: &ReportedChange) -> Vec<(SubscriptionId, i64)> {
        let sent = self.0.values().filter(|one| one.number == change.number() && one.delivery.is_some());
        sent.filter_map(|one| Some((one.fallback, one.alert?))).collect()
    }

    /// Returns the alerts that were sent: the fallback, the number of the change and the alert.
    fn sent_alerts(&self) -> Vec<(SubscriptionId, i64, i64)> {
        let sent = self.0.values().filter(|one| one.delivery.is_some());
        sent.filter_map(|one| Some((one.fallback, one.number, one.alert?))).collect()
    }

    async fn store(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        alert_fallback::decide(connection, &self.0.into_values().collect::<Vec<_>>()).await
    }
}

/// Returns the alerts that a change is about.
fn alerts_of(change: &ReportedChange) -> impl Iterator<Item = i64> {
    let (one, many) = match change {
        ReportedChange::Alert(alert) => (Some(alert.alert), &[][..]),
        ReportedChange::Reminder(reminder) => (None, reminder.alerts.as_slice()),
    };
    one.into_iter().chain(many.iter().copied())
}
