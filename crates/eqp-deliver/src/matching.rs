//! Matches events and changes of alerts against subscriptions, and returns the deliveries.

use std::collections::HashMap;

use eqp_store::Event;
use eqp_store::internal::{
    Cursors, DeliverySource, LaneKey, NewDelivery, ReportedChange, SubscriptionId, delivery_context, fan_out,
    reported_alert,
};
use eqp_store::sqlx::{self, PgConnection};

use crate::message::AlertFacts;
use crate::subscription::{KnownSku, Matched, Subscription};

/// The number of deliveries after which a transaction ends, with the event or change that exceeds it.
const DELIVERIES: usize = 20_000;

/// Returns the deliveries of what comes next after a position, and the position after that.
pub(crate) async fn matching(
    connection: &mut PgConnection,
    subscriptions: &[&Subscription],
    at: Cursors,
    target: Cursors,
) -> Result<(Cursors, Vec<NewDelivery>), sqlx::Error> {
    if subscriptions.is_empty() {
        return Ok((target, Vec::new()));
    }
    let mut deliveries = Vec::new();
    let event_seq = match_events(connection, subscriptions, (at.event_seq, target.event_seq), &mut deliveries).await?;
    let alerts = (at.alert_number, target.alert_number);
    let alert_number = match_alerts(connection, subscriptions, alerts, &mut deliveries).await?;
    Ok((Cursors { event_seq, alert_number }, deliveries))
}

async fn match_events(
    connection: &mut PgConnection,
    subscriptions: &[&Subscription],
    (after, up_to): (i64, i64),
    deliveries: &mut Vec<NewDelivery>,
) -> Result<i64, sqlx::Error> {
    if after >= up_to {
        return Ok(after);
    }
    let events = fan_out::events(connection, after, up_to).await?;
    let skus = skus(connection, subscriptions, &events).await?;
    for event in &events {
        match_event(event, subscriptions, &skus, deliveries);
        // Thousands of subscriptions take time, and other tasks run on this thread.
        tokio::task::consume_budget().await;
        if deliveries.len() >= DELIVERIES {
            return Ok(event.seq);
        }
    }
    Ok(if fan_out::is_full(&events) { events.last().map_or(up_to, |event| event.seq) } else { up_to })
}

/// Returns the deliveries of events that are replayed. A delivery that waits for the SKU is one of them.
pub(crate) async fn match_replayed(
    connection: &mut PgConnection,
    subscriptions: &[&Subscription],
    events: &[Event],
    replay: i64,
) -> Result<Vec<NewDelivery>, sqlx::Error> {
    let skus = skus(connection, subscriptions, events).await?;
    let mut deliveries = Vec::new();
    for event in events {
        match_event(event, subscriptions, &skus, &mut deliveries);
        tokio::task::consume_budget().await;
    }
    for delivery in &mut deliveries {
        delivery.lane = LaneKey::of_replay(delivery.lane);
        delivery.replay = Some(replay);
    }
    Ok(deliveries)
}

/// Returns the known SKUs of events, if a subscription needs them.
async fn skus(
    connection: &mut PgConnection,
    subscriptions: &[&Subscription],
    events: &[Event],
) -> Result<HashMap<i64, Option<String>>, sqlx::Error> {
    if !subscriptions.iter().any(|subscription| subscription.filter.needs_sku()) {
        return Ok(HashMap::new());
    }
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    delivery_context::skus(connection, &seqs).await
}

fn match_event(
    event: &Event,
    subscriptions: &[&Subscription],
    skus: &HashMap<i64, Option<String>>,
    deliveries: &mut Vec<NewDelivery>,
) {
    let sku = skus.get(&event.seq).map_or(KnownSku::NotYet, |sku| KnownSku::Known(sku.as_deref()));
    let lane = LaneKey::of_event(event);
    for subscription in subscriptions {
        // If it depends on the SKU, the worker decides once the SKU is known.
        if subscription.filter.matches(event, sku) != Matched::No {
            tracing::debug!(
                callback_id = event.callback_id.map(tracing::field::display),
                seq = event.seq,
                subscription = subscription.name,
                "created delivery"
            );
            deliveries.push(NewDelivery {
                subscription: subscription.id,
                lane,
                source: DeliverySource::Event,
                event_seq: event.seq,
                not_before: None,
                replay: None,
            });
        }
    }
}

async fn match_alerts(
    connection: &mut PgConnection,
    subscriptions: &[&Subscription],
    (after, up_to): (i64, i64),
    deliveries: &mut Vec<NewDelivery>,
) -> Result<i64, sqlx::Error> {
    if after >= up_to || !subscriptions.iter().any(|subscription| subscription.filter.wants_alerts()) {
        return Ok(up_to);
    }
    let changes = reported_alert::between(connection, after, up_to).await?;
    for change in &changes {
        // The events of this transaction can have exceeded the limit already.
        if deliveries.len() >= DELIVERIES {
            return Ok(change.number() - 1);
        }
        match_alert(change, subscriptions, deliveries);
        tokio::task::consume_budget().await;
    }
    Ok(if reported_alert::is_full(&changes) { changes.last().map_or(up_to, ReportedChange::number) } else { up_to })
}

/// A change in quiet hours becomes a delivery that waits. The cursor therefore passes it, and nothing else waits for it.
fn match_alert(change: &ReportedChange, subscriptions: &[&Subscription], deliveries: &mut Vec<NewDelivery>) {
    let about = subscription_of(change);
    for subscription in subscriptions {
        // A subscription that does not deliver cannot deliver that either.
        if about != Some(subscription.id) && subscription.wants(change) {
            deliveries.push(alert_delivery(subscription.id, change));
        }
    }
}

/// Returns the subscription that an alert is about.
pub(crate) fn subscription_of(change: &ReportedChange) -> Option<SubscriptionId> {
    match change {
        ReportedChange::Alert(alert) => AlertFacts::of(&alert.data).subscription_id.map(SubscriptionId),
        ReportedChange::Reminder(_) => None,
    }
}

/// Returns the delivery of a change of an alert.
pub(crate) fn alert_delivery(subscription: SubscriptionId, change: &ReportedChange) -> NewDelivery {
    NewDelivery {
        subscription,
        lane: change.lane(),
        source: DeliverySource::Alert,
        event_seq: change.number(),
        not_before: Some(change.notify_after()),
        replay: None,
    }
}
