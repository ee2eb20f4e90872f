//! Measures the queue of deliveries. Its cost is limited, however many deliveries wait.

use sqlx::{PgConnection, query};

use super::subscription::seconds;
use crate::model::{DeliveryQueue, SubscriptionQueue};

/// The number of deliveries of a subscription up to which they are counted.
pub const COUNTED: i64 = 10_000;

/// Measures the queue, with the first `subscriptions` subscriptions by name.
pub async fn measure(connection: &mut PgConnection, subscriptions: i64) -> Result<DeliveryQueue, sqlx::Error> {
    let rows = query!(
        r#"
        select subscription.name, state.paused_reason,
               case when state.state = 'active' and state.open_until is not null then state.failing_since end as down_since,
               waiting.deliveries as "waiting!", dead.deliveries as "dead!",
               oldest.created_at as "oldest_waiting_at?"
        from (select id, name from eqp.subscription where removed_at is null order by name limit $1) as subscription
        join eqp.subscription_state as state on state.subscription_id = subscription.id
        cross join lateral (
            select count(*) as deliveries, min(id) as oldest
            from (select id from eqp.delivery
                  where subscription_id = subscription.id and dead_at is null limit $2) as counted) as waiting
        cross join lateral (
            select count(*) as deliveries
            from (select from eqp.delivery
                  where subscription_id = subscription.id and dead_at is not null limit $2) as counted) as dead
        left join eqp.delivery as oldest on oldest.id = waiting.oldest
        order by subscription.name
        "#,
        subscriptions,
        COUNTED,
    )
    .fetch_all(&mut *connection)
    .await?;
    let subscriptions = rows.into_iter().map(|row| SubscriptionQueue {
        name: row.name,
        waiting: row.waiting.unsigned_abs(),
        dead: row.dead.unsigned_abs(),
        oldest_waiting_at: row.oldest_waiting_at,
        paused_reason: row.paused_reason,
        down_since: row.down_since,
    });
    let subscriptions = subscriptions.collect();
    let totals = query!(
        r#"
        select count(*) filter (where state = 'paused') as "paused!",
               count(*) filter (where state = 'active' and open_until is not null) as "open!",
               extract(epoch from now() - min(lane.due_at))::float8 as overdue,
               extract(epoch from now() - (select at from eqp.attempt order by id desc limit 1))::float8 as idle_for,
               (select greatest(projector.last_event_seq - fanout.cursor_seq, 0)
                from eqp.projector cross join eqp.fanout) as "fan_out_lag!",
               (select event.received_at from eqp.event cross join eqp.fanout
                where event.seq > fanout.cursor_seq order by event.seq limit 1) as unmatched_since
        from eqp.subscription_state as state
        join eqp.subscription on subscription.id = state.subscription_id and subscription.removed_at is null
        left join lateral (
            select due_at from eqp.delivery_lane
            where subscription_id = state.subscription_id and state.state = 'active' and state.open_until is null
              -- Consumers fetch those when they want to.
              and subscription.handler ->> 'type' <> 'pull'
              and due_at < 'infinity'
            order by due_at limit 1) as lane on true
        "#
    )
    .fetch_one(connection)
    .await?;
    Ok(DeliveryQueue {
        subscriptions,
        paused: totals.paused.unsigned_abs(),
        open: totals.open.unsigned_abs(),
        fan_out_lag: totals.fan_out_lag.unsigned_abs(),
        unmatched_since: totals.unmatched_since,
        // Before the first lane is due, the difference is negative.
        overdue: totals.overdue.filter(|overdue| *overdue > 0.0).map(seconds),
        idle_for: totals.idle_for.map(seconds),
    })
}
