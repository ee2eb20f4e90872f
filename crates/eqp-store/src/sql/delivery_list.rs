//! Lists the deliveries that have not been accepted: waiting and dead ones, and those that were skipped.

use sqlx::{PgPool, query};

use super::column::read;
use crate::model::{DeliveryFilter, DeliverySource, DeliveryState, DeliverySummary, Obstacles};

/// Returns the deliveries that match a filter, newest first.
pub async fn list(pool: &PgPool, filter: &DeliveryFilter) -> Result<Vec<DeliverySummary>, sqlx::Error> {
    match filter.state {
        Some(DeliveryState::Skipped) => skipped(pool, filter).await,
        Some(DeliveryState::Dead) => stored(pool, filter, Some(true)).await,
        Some(DeliveryState::Waiting) => stored(pool, filter, Some(false)).await,
        None => stored(pool, filter, None).await,
    }
}

/// Returns one delivery, or `None` if it was accepted or discarded.
pub async fn find(pool: &PgPool, delivery: i64) -> Result<Option<DeliverySummary>, sqlx::Error> {
    for state in [None, Some(DeliveryState::Skipped)] {
        let before_id = delivery.checked_add(1);
        let filter = DeliveryFilter { state, before_id, limit: 1, ..DeliveryFilter::default() };
        let first = list(pool, &filter).await?.pop();
        if let Some(found) = first.filter(|found| found.id == delivery) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn stored(
    pool: &PgPool,
    filter: &DeliveryFilter,
    is_dead: Option<bool>,
) -> Result<Vec<DeliverySummary>, sqlx::Error> {
    let rows = query!(
        r#"
        select delivery.id, subscription.name, delivery.source, delivery.event_seq, delivery.created_at, delivery.attempts,
               case when state.open_until > now() then greatest(state.open_until, delivery.not_before)
                    else greatest(delivery.retry_at, case when delivery.not_before > now() then delivery.not_before end)
               end as retry_at,
               delivery.dead_at, delivery.replay_id, last.result as "last_result?", last.status as last_status,
               last.note as last_note, event.resource_id as "resource_id?", event.status as "event_status?",
               change.alert_id as "alert_id?",
               (select min(id)
                from eqp.delivery as earlier
                where earlier.subscription_id = delivery.subscription_id and earlier.resource = delivery.resource
                  and earlier.id < delivery.id and earlier.dead_at is null) as held_by,
               state.state = 'paused' as "is_paused!",
               coalesce(state.open_until is not null, false) as "is_handler_down!",
               coalesce(subscription.handler->>'type' = 'pull', false) as "is_pulled!",
               coalesce(delivery.not_before > now(), false) as "is_quiet!",
               coalesce(delivery.retry_at > now(), false) as "is_retried!",
               coalesce(lane.lease is not null and lane.due_at > now(), false) as "is_leased!",
               coalesce(lane.lease is null and lane.due_at > now() and lane.due_at < 'infinity', false) as "is_delayed!",
               coalesce(subscription.filter ? 'skus' and event.resource_id is not null and detail.account_id is null, false)
                   as "lacks_details!"
        from eqp.delivery
        join eqp.subscription on subscription.id = delivery.subscription_id and subscription.removed_at is null
        join eqp.subscription_state as state on state.subscription_id = delivery.subscription_id
        left join eqp.delivery_lane as lane
          on lane.subscription_id = delivery.subscription_id and lane.resource = delivery.resource
        left join eqp.event on event.seq = delivery.event_seq and delivery.source = 'event'
        left join eqp.resource_detail as detail
          on detail.account_id = event.account_id and detail.resource_kind = event.kind
         and detail.resource_id = event.resource_id
        left join eqp.alert_change as change on change.number = delivery.event_seq and delivery.source = 'alert'
        left join lateral (
            select result, status, note from eqp.attempt where delivery_id = delivery.id order by id desc limit 1
        ) as last on true
        where ($1::integer is null or delivery.subscription_id = $1)
          and ($2::boolean is null or (delivery.dead_at is not null) = $2)
          and ($3::bigint is null or (delivery.source = 'event' and delivery.event_seq = $3))
          and ($4::bigint is null or delivery.id < $4)
          and ($5::bigint is null or delivery.replay_id = $5)
        order by delivery.id desc
        limit $6
        "#,
        filter.subscription.map(|id| id.0) as Option<i32>,
        is_dead,
        filter.event_seq,
        filter.before_id,
        filter.replay,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let source = read::<DeliverySource>(&row.source)?;
            let obstacles = Obstacles {
                is_paused: row.is_paused,
                is_pulled: row.is_pulled,
                is_quiet: row.is_quiet,
                is_handler_down: row.is_handler_down,
                is_held: row.held_by.is_some(),
                is_retried: row.is_retried,
                is_leased: row.is_leased,
                is_delayed: row.is_delayed,
                lacks_details: row.lacks_details,
            };
            let is_waiting = row.dead_at.is_none();
            Ok(DeliverySummary {
                id: row.id,
                subscription: row.name,
                source,
                event_seq: row.event_seq,
                state: if is_waiting { DeliveryState::Waiting } else { DeliveryState::Dead },
                waits_for: is_waiting.then(|| obstacles.reason(source)),
                held_by: row.held_by.filter(|_| is_waiting),
                created_at: row.created_at,
                attempts: row.attempts.unsigned_abs(),
                retry_at: row.retry_at.filter(|_| is_waiting),
                dead_at: row.dead_at,
                last_result: row.last_result,
                last_status: row.last_status,
                last_note: row.last_note,
                resource_id: row.resource_id,
                event_status: row.event_status,
                alert: row.alert_id,
                replay: row.replay_id,
            })
        })
        .collect()
}

/// Returns deliveries whose last attempt says that they were skipped. Attempts are stored for 7 days.
async fn skipped(pool: &PgPool, filter: &DeliveryFilter) -> Result<Vec<DeliverySummary>, sqlx::Error> {
    let rows = query!(
        r#"
        select attempt.delivery_id, subscription.name, attempt.source, attempt.event_seq, attempt.at, attempt.note,
               event.resource_id as "resource_id?", event.status as "event_status?"
        from eqp.attempt
        join eqp.subscription on subscription.id = attempt.subscription_id and subscription.removed_at is null
        left join eqp.event on event.seq = attempt.event_seq and attempt.source = 'event'
        where attempt.result = 'skipped' and attempt.source <> 'test'
          and attempt.id = (select max(id) from eqp.attempt as later where later.delivery_id = attempt.delivery_id)
          and not exists (select from eqp.delivery where id = attempt.delivery_id)
          and ($1::integer is null or attempt.subscription_id = $1)
          and ($2::bigint is null or (attempt.source = 'event' and attempt.event_seq = $2))
          and ($3::bigint is null or attempt.delivery_id < $3)
          -- The replay of a delivery is not stored with its attempts.
          and $4::bigint is null
        order by attempt.delivery_id desc
        limit $5
        "#,
        filter.subscription.map(|id| id.0) as Option<i32>,
        filter.event_seq,
        filter.before_id,
        filter.replay,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DeliverySummary {
                id: row.delivery_id,
                subscription: row.name,
                source: read(&row.source)?,
                event_seq: row.event_seq,
                state: DeliveryState::Skipped,
                waits_for: None,
                held_by: None,
                created_at: row.at,
                attempts: 0,
                retry_at: None,
                dead_at: None,
                last_result: Some("skipped".to_owned()),
                last_status: None,
                last_note: row.note,
                resource_id: row.resource_id,
                event_status: row.event_status,
                alert: None,
                replay: None,
            })
        })
        .collect()
}
