//! Reads the messages of deliveries from the database.

use std::collections::HashMap;
use std::time::Duration;

use eqp_store::internal::{
    ANSWER, DeliverySource, EventContext, ReconcileRequests, ReportedChange, ReportedReminder, StoredAlert,
    WaitingDelivery, alert, delivery_context, reported_alert, within,
};
use eqp_store::sqlx::PgPool;
use eqp_store::{AlertSeverity, Error, Event};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::digest::DigestSource;
use crate::message::{AlertChange, AlertData, AlertFacts, DescribeAlert, DescribeProduct, OpenAlert, ReminderData};
use crate::subscription::{KnownSku, Matched, Subscription};
use crate::{Message, MessageContext};

/// The time for which a delivery waits for the details of a new resource. A requested run of reconciliation starts within a minute.
const WAIT_FOR_DETAILS: Duration = Duration::from_mins(3);
/// The interval at which the details are looked up.
const LOOK_UP: Duration = Duration::from_secs(2);

/// The sources from which messages are composed.
#[derive(Clone)]
pub(crate) struct MessageSource {
    pub(crate) pool: PgPool,
    pub(crate) instance: Uuid,
    pub(crate) describe: DescribeAlert,
    pub(crate) describe_product: DescribeProduct,
    /// Requests for the details of resources, which reconciliation reads.
    pub(crate) requests: ReconcileRequests,
}

/// The next step for a delivery.
pub(crate) enum Prepared {
    Send(Box<Message>),
    /// The delivery ends without being sent, for this reason.
    Skip(String),
    /// It may not be sent yet: the details of the resource are not known, or these are quiet hours.
    Wait(Duration),
}

/// The events and alerts of a number of deliveries, and their contexts.
pub(crate) struct Messages {
    source: MessageSource,
    events: HashMap<i64, Event>,
    contexts: HashMap<i64, EventContext>,
    alerts: HashMap<i64, ReportedChange>,
    reminders: Option<Reminders>,
    digests: Option<DigestSource>,
}

/// The alerts that reminders contain now.
struct Reminders {
    open: Vec<StoredAlert>,
    /// The number of the last reminder of each severity.
    last: HashMap<AlertSeverity, i64>,
}

impl Messages {
    /// Reads what the messages of these deliveries contain.
    pub(crate) async fn load(source: &MessageSource, deliveries: &[WaitingDelivery]) -> Result<Self, Error> {
        let numbers = |kind| {
            let of_source = deliveries.iter().filter(|delivery| delivery.source == kind);
            let mut numbers: Vec<i64> = of_source.map(|delivery| delivery.event_seq).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let mut messages = Self {
            source: source.clone(),
            events: HashMap::new(),
            contexts: HashMap::new(),
            alerts: HashMap::new(),
            reminders: None,
            digests: None,
        };
        let seqs = numbers(DeliverySource::Event);
        if !seqs.is_empty() {
            messages.events = within(ANSWER, delivery_context::events(&source.pool, &seqs)).await?;
            messages.contexts = within(ANSWER, delivery_context::contexts(&source.pool, &seqs)).await?;
        }
        let alerts = numbers(DeliverySource::Alert);
        if !alerts.is_empty() {
            messages.alerts = within(ANSWER, async {
                let mut connection = source.pool.acquire().await?;
                reported_alert::by_number(&mut connection, &alerts).await
            })
            .await?;
        }
        let digests = numbers(DeliverySource::Digest);
        if !digests.is_empty() {
            messages.digests = Some(DigestSource::load(&source.pool, &digests).await?);
        }
        if messages.alerts.values().any(|change| matches!(change, ReportedChange::Reminder(_))) {
            let open = within(ANSWER, alert::open_ones(&source.pool)).await?;
            let last = within(ANSWER, reported_alert::last_reminders(&source.pool)).await?;
            messages.reminders = Some(Reminders { open, last });
        }
        Ok(messages)
    }

    /// Returns the message of a delivery.
    pub(crate) fn prepare(&self, subscription: &Subscription, delivery: &WaitingDelivery) -> Prepared {
        if let Some(wait) = delivery.not_before_in {
            return Prepared::Wait(wait);
        }
        let message = match delivery.source {
            DeliverySource::Event => match self.of_event(subscription, delivery) {
                Ok(message) => message,
                Err(other) => return other,
            },
            DeliverySource::Test if delivery.is_expired => {
                return Prepared::Skip("the test is over: its result is no longer waited for".to_owned());
            }
            DeliverySource::Test => {
                let at = OffsetDateTime::now_utc() - delivery.age;
                Message::of_test(self.source.instance, delivery.test_id.unwrap_or_default(), at, &subscription.name)
            }
            DeliverySource::Alert => match self.of_alert(subscription, delivery) {
                Ok(message) => message,
                Err(reason) => return Prepared::Skip(reason.to_owned()),
            },
            DeliverySource::Digest => match self.of_digest(subscription, delivery) {
                Ok(message) => message,
                Err(reason) => return Prepared::Skip(reason.to_owned()),
            },
        };
        Prepared::Send(Box::new(match delivery.replay_id {
            Some(replay) => message.replayed(replay),
            None => message,
        }))
    }

    /// Returns the message about a change of an alert, or the reason why nothing is sent.
    fn of_alert(&self, subscription: &Subscription, delivery: &WaitingDelivery) -> Result<Message, &'static str> {
        const GONE: &str = "the alert no longer exists";
        let stored = match self.alerts.get(&delivery.event_seq).ok_or(GONE)? {
            ReportedChange::Alert(stored) => stored,
            ReportedChange::Reminder(reminder) => return self.of_reminder(subscription, reminder),
        };
        let change = AlertChange::of_stored(stored.change).ok_or(GONE)?;
        // At the time of the change, so that every attempt has the same text.
        let description = (self.source.describe)(&stored.kind, &stored.data, stored.at);
        let data = AlertData::of_stored(stored, description);
        Ok(Message::of_alert(self.source.instance, stored.number, change, stored.at, data))
    }

    /// Returns the digest of a week, or the reason why nothing is sent.
    fn of_digest(&self, subscription: &Subscription, delivery: &WaitingDelivery) -> Result<Message, &'static str> {
        let digests = self.digests.as_ref().ok_or("the digest no longer exists")?;
        digests.message(self.source.instance, &self.source.describe, subscription, delivery)
    }

    /// Returns a reminder of what is open now. One that has waited is not sent if there is a newer one.
    fn of_reminder(&self, subscription: &Subscription, reminder: &ReportedReminder) -> Result<Message, &'static str> {
        const NOTHING: &str = "all alerts of this reminder are resolved";
        let Reminders { open, last } = self.reminders.as_ref().ok_or(NOTHING)?;
        if last.get(&reminder.severity).is_some_and(|last| *last > reminder.number) {
            return Err("a later reminder replaces it");
        }
        let now = OffsetDateTime::now_utc();
        let is_page = reminder.severity == AlertSeverity::Page;
        let is_named = |alert: &&StoredAlert| {
            alert.is_reminded(now)
                && (alert.severity == AlertSeverity::Page) == is_page
                && AlertFacts::of(&alert.data).subscription_id != Some(subscription.id.0)
                && subscription.filter.matches_alert_of(alert.severity, alert.environment, alert.mage_id.as_ref())
        };
        let named = open.iter().filter(is_named);
        let named: Vec<OpenAlert> = named
            .map(|alert| OpenAlert::of_stored(alert, (self.source.describe)(&alert.subject.kind, &alert.data, now)))
            .collect();
        if named.is_empty() {
            return Err(NOTHING);
        }
        let data = ReminderData::new(reminder.severity.as_str(), named);
        Ok(Message::of_reminder(self.source.instance, reminder.number, reminder.at, data))
    }

    fn of_event(&self, subscription: &Subscription, delivery: &WaitingDelivery) -> Result<Message, Prepared> {
        let Some((event, context)) = self.events.get(&delivery.event_seq).zip(self.contexts.get(&delivery.event_seq))
        else {
            return Err(Prepared::Skip("the event no longer exists: reprojection has replaced it".to_owned()));
        };
        let detail = context.detail.as_ref();
        if detail.is_none()
            && event.resource_id.is_some()
            && subscription.needs_details()
            && delivery.age < WAIT_FOR_DETAILS
        {
            self.source.requests.request_all();
            return Err(Prepared::Wait(LOOK_UP));
        }
        let is_rejection = event.applied && event.status.as_deref() == Some("rejected");
        let findings = detail.and_then(|detail| detail.findings.clone()).filter(|_| is_rejection);
        if is_rejection
            && findings.is_none()
            && event.resource_id.is_some()
            && subscription.shows_findings()
            && delivery.age < WAIT_FOR_DETAILS
        {
            self.source.requests.request_all();
            return Err(Prepared::Wait(LOOK_UP));
        }
        let sku = detail.and_then(|detail| detail.sku.as_deref());
        if subscription.filter.needs_sku() && subscription.filter.matches(event, KnownSku::Known(sku)) != Matched::Yes {
            let reason = match sku {
                Some(sku) => format!("the SKU {sku} does not match the filter"),
                None => "the SKU is not known, so the filter does not match".to_owned(),
            };
            return Err(Prepared::Skip(reason));
        }
        let version = detail.and_then(|detail| detail.version.as_deref());
        let context = MessageContext {
            source: sku.map(|sku| (self.source.describe_product)(sku, version)).unwrap_or_default(),
            statuses: context.statuses.iter().cloned().collect(),
            previous_status: context.previous_status.clone(),
            // Reprojection gives higher numbers to what it decides differently, so this never decreases for a resource.
            resource_sequence: event.resource_id.as_ref().map(|_| event.seq),
            sku: sku.map(str::to_owned),
            version: version.map(str::to_owned),
            name: detail.and_then(|detail| detail.name.clone()),
            findings: findings.unwrap_or_default(),
            submitted_at: context.submitted_at,
            store_version: context.store_version.clone(),
            out_of_order_after: delivery.out_of_order_after,
            ..MessageContext::default()
        };
        Ok(Message::of_event(self.source.instance, event, &context))
    }
}
