//! `eqp.alert_fallback`: the changes of alerts that a subscription cannot deliver, and the decisions of its fallbacks. Everything that
//! writes it holds the lock of the fan-out.

use sqlx::{PgConnection, query, query_scalar};
use time::OffsetDateTime;

use crate::model::{FallbackDecision, SubscriptionId, UndeliverableChange};

/// The maximum number of changes that one transaction decides.
const CHANGES: i64 = 500;

/// Locks the position of the fan-out, so that no other process decides. Returns the number of the last change that was matched and the
/// generation of the subscriptions, or `None` if another process holds the lock.
pub async fn try_lock(connection: &mut PgConnection) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let row = query!(
        r#"
        select alert_cursor, generation,
               -- A leader whose process is frozen loses the lock.
               set_config('idle_in_transaction_session_timeout', '10s', true) as timeout
        from eqp.fanout
        for update skip locked
        "#
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.alert_cursor, row.generation)))
}

/// Returns changes that subscriptions cannot deliver, with each fallback for which this was not decided yet: their delivery is dead, their subscription is paused, or they have waited for too long while the handler fails or nobody fetches them.
///
/// Only alerts that were opened and reminders need a fallback. The other changes go to where the opening went.
pub async fn undeliverable(connection: &mut PgConnection) -> Result<Vec<UndeliverableChange>, sqlx::Error> {
    let rows = query!(
        r#"
        select distinct change.number, fallback.id
        from eqp.subscription as fallback
        join eqp.subscription as first on first.id = fallback.fallback_for and first.removed_at is null
        join eqp.subscription_state as state on state.subscription_id = first.id
        join eqp.delivery on delivery.subscription_id = first.id and delivery.source = 'alert'
        join eqp.alert_change as change
          on change.number = delivery.event_seq and change.change in ('opened', 'reminded')
         -- A fallback does not receive what happened before it was created.
         and change.at >= greatest(fallback.created_at, now() - interval '7 days')
        where fallback.removed_at is null
          and (delivery.not_before is null or delivery.not_before <= now())
          and (delivery.dead_at is not null
               or state.state = 'paused'
               or (now() - greatest(delivery.created_at, delivery.not_before) >= fallback.fallback_after
                   and (state.failures > 0 or delivery.attempts > 0 or delivery.retry_at is not null
                        or first.handler ->> 'type' = 'pull')))
          and not exists (select from eqp.alert_fallback as decided
                          where decided.number = change.number and decided.subscription_id = fallback.id)
        order by change.number, fallback.id
        limit $1
        "#,
        CHANGES
    )
    .fetch_all(connection)
    .await?;
    let changes = rows.into_iter().map(|row| (SubscriptionId(row.id), row.number));
    Ok(changes.map(|(fallback, number)| UndeliverableChange { fallback, number }).collect())
}

/// Returns the numbers of an alert's changes of which subscriptions are notified, after a number and up to another one.
pub async fn later_changes(
    connection: &mut PgConnection,
    alert: i64,
    after: i64,
    up_to: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    query_scalar!(
        r#"
        select number from eqp.alert_change
        where alert_id = $1 and number > $2 and number <= $3 and change in ('acknowledged', 'resolved')
        order by number
        "#,
        alert,
        after,
        up_to,
    )
    .fetch_all(connection)
    .await
}

/// Returns which fallbacks have received earlier changes of these alerts, as pairs of fallback and alert.
pub async fn receivers(
    connection: &mut PgConnection,
    alerts: &[i64],
) -> Result<Vec<(SubscriptionId, i64)>, sqlx::Error> {
    let rows = query!(
        r#"
        select distinct subscription_id, alert_id as "alert_id!" from eqp.alert_fallback where sent and alert_id = any($1)
        "#,
        alerts
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (SubscriptionId(row.subscription_id), row.alert_id)).collect())
}

/// Stores decisions, and inserts the deliveries of those that were not made before.
pub async fn decide(connection: &mut PgConnection, decisions: &[FallbackDecision]) -> Result<(), sqlx::Error> {
    let delivery = |decision: &FallbackDecision| decision.delivery.map(|delivery| delivery.lane.0);
    let not_before = |decision: &FallbackDecision| decision.delivery.and_then(|delivery| delivery.not_before);
    query!(
        r#"
        with decided as (
                 insert into eqp.alert_fallback (number, subscription_id, alert_id, sent)
                 select number, subscription_id, alert_id, lane is not null
                 from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[])
                      as new (number, subscription_id, alert_id, lane)
                 on conflict do nothing
                 returning number, subscription_id),
             inserted as (
                 insert into eqp.delivery (subscription_id, resource, source, event_seq, not_before)
                 select new.subscription_id, new.lane, 'alert', new.number, new.not_before
                 from unnest($1::bigint[], $2::integer[], $4::bigint[], $5::timestamptz[])
                      as new (number, subscription_id, lane, not_before)
                 join decided on decided.number = new.number and decided.subscription_id = new.subscription_id
                 where new.lane is not null
                 order by new.number
                 returning id, subscription_id, resource)
        insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
        select subscription_id, resource, now(), max(id) from inserted group by 1, 2 order by 1, 2
        on conflict (subscription_id, resource) do update
        set tail_id = greatest(lane.tail_id, excluded.tail_id),
            due_at = case when lane.due_at = 'infinity' then now() else lane.due_at end
        "#,
        &decisions.iter().map(|decision| decision.number).collect::<Vec<_>>(),
        &decisions.iter().map(|decision| decision.fallback.0).collect::<Vec<_>>(),
        &decisions.iter().map(|decision| decision.alert).collect::<Vec<_>>() as &[Option<i64>],
        &decisions.iter().map(delivery).collect::<Vec<_>>() as &[Option<i64>],
        &decisions.iter().map(not_before).collect::<Vec<_>>() as &[Option<OffsetDateTime>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
