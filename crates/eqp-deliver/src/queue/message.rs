//! Reads the messages of deliveries from the database.

use std::collections::HashMap;
use std::time::Duration;

use eqp_store::internal::{ANSWER, DeliverySource, EventContext, WaitingDelivery, delivery_context, within};
use eqp_store::sqlx::PgPool;
use eqp_store::{Error, Event};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::subscription::{KnownSku, Matched, Subscription};
use crate::{Message, MessageContext};

/// The time for which a delivery waits for the details of a new resource.
const WAIT_FOR_DETAILS: Duration = Duration::from_mins(1);
/// The interval at which the details are looked up.
const LOOK_UP: Duration = Duration::from_secs(2);

/// The next step for a delivery.
pub(super) enum Prepared {
    Send(Box<Message>),
    /// The delivery ends without being sent, for this reason.
    Skip(String),
    /// The details of the resource are not known yet.
    Wait(Duration),
}

/// The events and contexts of a number of deliveries.
pub(super) struct Messages {
    instance: Uuid,
    events: HashMap<i64, Event>,
    contexts: HashMap<i64, EventContext>,
}

impl Messages {
    /// Reads what the messages of these deliveries contain.
    pub(super) async fn load(pool: &PgPool, instance: Uuid, deliveries: &[WaitingDelivery]) -> Result<Self, Error> {
        let mut seqs: Vec<i64> = deliveries
            .iter()
            .filter(|delivery| delivery.source == DeliverySource::Event)
            .map(|delivery| delivery.event_seq)
            .collect();
        seqs.sort_unstable();
        seqs.dedup();
        if seqs.is_empty() {
            return Ok(Self { instance, events: HashMap::new(), contexts: HashMap::new() });
        }
        let events = within(ANSWER, delivery_context::events(pool, &seqs)).await?;
        let contexts = within(ANSWER, delivery_context::contexts(pool, &seqs)).await?;
        Ok(Self { instance, events, contexts })
    }

    /// Returns the message of a delivery.
    pub(super) fn prepare(&self, subscription: &Subscription, delivery: &WaitingDelivery) -> Prepared {
        let message = match delivery.source {
            DeliverySource::Event => match self.of_event(subscription, delivery) {
                Ok(message) => message,
                Err(other) => return other,
            },
            DeliverySource::Test => {
                let at = OffsetDateTime::now_utc() - delivery.age;
                Message::of_test(self.instance, delivery.test_id.unwrap_or_default(), at, &subscription.name)
            }
            DeliverySource::Alert => return Prepared::Skip("this version does not deliver alerts".to_owned()),
        };
        Prepared::Send(Box::new(match delivery.replay_id {
            Some(replay) => message.replayed(replay),
            None => message,
        }))
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
