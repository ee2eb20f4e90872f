//! Reads the messages of deliveries from the database.

use std::collections::HashMap;
use std::time::Duration;

use eqp_store::internal::{
    ANSWER, DeliverySource, EventContext, ReconcileRequests, ReportedAlert, WaitingDelivery, delivery_context,
    reported_alert, within,
};
use eqp_store::{Error, Event};
use time::OffsetDateTime;
use uuid::Uuid;

use super::settings::WorkerSettings;
use crate::message::{AlertChange, AlertData, DescribeAlert};
use crate::subscription::{KnownSku, Matched, Subscription};
use crate::{Message, MessageContext};

/// The time for which a delivery waits for the details of a new resource. A requested run of reconciliation starts within a minute.
const WAIT_FOR_DETAILS: Duration = Duration::from_mins(3);
/// The interval at which the details are looked up.
const LOOK_UP: Duration = Duration::from_secs(2);

/// The next step for a delivery.
pub(super) enum Prepared {
    Send(Box<Message>),
    /// The delivery ends without being sent, for this reason.
    Skip(String),
    /// It may not be sent yet: the details of the resource are not known, or these are quiet hours.
    Wait(Duration),
}

/// The events and alerts of a number of deliveries, and their contexts.
pub(super) struct Messages {
    instance: Uuid,
    describe: DescribeAlert,
    requests: ReconcileRequests,
    events: HashMap<i64, Event>,
    contexts: HashMap<i64, EventContext>,
    alerts: HashMap<i64, ReportedAlert>,
}

impl Messages {
    /// Reads what the messages of these deliveries contain.
    pub(super) async fn load(settings: &WorkerSettings, deliveries: &[WaitingDelivery]) -> Result<Self, Error> {
        let numbers = |source| {
            let of_source = deliveries.iter().filter(|delivery| delivery.source == source);
            let mut numbers: Vec<i64> = of_source.map(|delivery| delivery.event_seq).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let mut messages = Self {
            instance: settings.instance,
            describe: settings.describe.clone(),
            requests: settings.requests.clone(),
            events: HashMap::new(),
            contexts: HashMap::new(),
            alerts: HashMap::new(),
        };
        let seqs = numbers(DeliverySource::Event);
        if !seqs.is_empty() {
            messages.events = within(ANSWER, delivery_context::events(&settings.pool, &seqs)).await?;
            messages.contexts = within(ANSWER, delivery_context::contexts(&settings.pool, &seqs)).await?;
        }
        let alerts = numbers(DeliverySource::Alert);
        if !alerts.is_empty() {
            messages.alerts = within(ANSWER, reported_alert::by_number(&settings.pool, &alerts)).await?;
        }
        Ok(messages)
    }

    /// Returns the message of a delivery.
    pub(super) fn prepare(&self, subscription: &Subscription, delivery: &WaitingDelivery) -> Prepared {
        if let Some(wait) = delivery.not_before_in {
            return Prepared::Wait(wait);
        }
        let message = match delivery.source {
            DeliverySource::Event => match self.of_event(subscription, delivery) {
                Ok(message) => message,
                Err(other) => return other,
            },
            DeliverySource::Test if delivery.is_expired => {
                return Prepared::Skip("nobody waits for the result of the test any more".to_owned());
            }
            DeliverySource::Test => {
                let at = OffsetDateTime::now_utc() - delivery.age;
                Message::of_test(self.instance, delivery.test_id.unwrap_or_default(), at, &subscription.name)
            }
            DeliverySource::Alert => match self.of_alert(delivery) {
                Some(message) => message,
                None => return Prepared::Skip("the alert no longer exists".to_owned()),
            },
        };
        Prepared::Send(Box::new(match delivery.replay_id {
            Some(replay) => message.replayed(replay),
            None => message,
        }))
    }

    fn of_alert(&self, delivery: &WaitingDelivery) -> Option<Message> {
        let stored = self.alerts.get(&delivery.event_seq)?;
        let change = AlertChange::of_stored(stored.change)?;
        // At the time of the change, so that every attempt has the same text.
        let description = (self.describe)(&stored.kind, &stored.data, stored.at);
        let data = AlertData::of_stored(stored, description);
        Some(Message::of_alert(self.instance, stored.number, change, stored.at, data))
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
            self.requests.request_all();
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
        let context = MessageContext {
            statuses: context.statuses.iter().cloned().collect(),
            previous_status: context.previous_status.clone(),
            // Reprojection gives higher numbers to what it decides differently, so this never decreases for a resource.
            resource_sequence: event.resource_id.as_ref().map(|_| event.seq),
            sku: sku.map(str::to_owned),
            version: detail.and_then(|detail| detail.version.clone()),
            name: detail.and_then(|detail| detail.name.clone()),
            out_of_order_after: delivery.out_of_order_after,
            ..MessageContext::default()
        };
        Ok(Message::of_event(self.instance, event, &context))
    }
}
