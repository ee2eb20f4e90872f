//! `eqp.delivery` and `eqp.attempt`: lists, and what operators do with single deliveries.

use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

use super::column::read;
use crate::model::{AttemptSummary, DeliveryFilter, DeliverySource, DeliverySummary, LaneKey, SubscriptionId};

/// Returns waiting and dead deliveries, newest first.
pub async fn list(pool: &PgPool, filter: &DeliveryFilter) -> Result<Vec<DeliverySummary>, sqlx::Error> {
    let rows = query!(
        r#"
        select delivery.id, subscription.name, delivery.source, delivery.event_seq, delivery.created_at, delivery.attempts,
               greatest(delivery.retry_at, case when delivery.not_before > now() then delivery.not_before end) as retry_at,
               delivery.dead_at, last.result as "last_result?", last.status as last_status,
               last.note as last_note, event.resource_id as "resource_id?", event.status as "event_status?"
        from eqp.delivery
        join eqp.subscription on subscription.id = delivery.subscription_id and subscription.removed_at is null
        left join eqp.event on event.seq = delivery.event_seq and delivery.source = 'event'
        left join lateral (
            select result, status, note from eqp.attempt where delivery_id = delivery.id order by id desc limit 1
        ) as last on true
        where ($1::integer is null or delivery.subscription_id = $1)
          and ($2::boolean is null or (delivery.dead_at is not null) = $2)
          and ($3::bigint is null or (delivery.source = 'event' and delivery.event_seq = $3))
          and ($4::bigint is null or delivery.id < $4)
        order by delivery.id desc
        limit $5
        "#,
        filter.subscription.map(|id| id.0) as Option<i32>,
        filter.is_dead as Option<bool>,
        filter.event_seq as Option<i64>,
        filter.before_id as Option<i64>,
        i64::from(filter.limit),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DeliverySummary {
                id: row.id,
                subscription: row.name,
                source: read(&row.source)?,
                event_seq: row.event_seq,
                created_at: row.created_at,
                attempts: row.attempts.unsigned_abs(),
                retry_at: row.retry_at,
                dead_at: row.dead_at,
                last_result: row.last_result,
                last_status: row.last_status,
                last_note: row.last_note,
                resource_id: row.resource_id,
                event_status: row.event_status,
            })
        })
        .collect()
}

/// Returns one waiting or dead delivery, or `None`.
pub async fn find(pool: &PgPool, delivery: i64) -> Result<Option<DeliverySummary>, sqlx::Error> {
    let filter = DeliveryFilter { before_id: delivery.checked_add(1), limit: 1, ..DeliveryFilter::default() };
    let first = list(pool, &filter).await?.pop();
    Ok(first.filter(|found| found.id == delivery))
}

/// Returns the recorded attempts of a delivery, oldest first, at most 200.
pub async fn attempts(pool: &PgPool, delivery: i64) -> Result<Vec<AttemptSummary>, sqlx::Error> {
    let rows = query!(
        r#"
        select attempt.id, delivery_id, name as "name?", source, event_seq, at, duration_ms, result, status, note
        from (select * from eqp.attempt where delivery_id = $1 order by id desc limit 200) as attempt
        left join eqp.subscription on subscription.id = subscription_id
        order by attempt.id
        "#,
        delivery
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AttemptSummary {
                id: row.id,
                delivery: row.delivery_id,
                subscription: row.name,
                source: read(&row.source)?,
                event_seq: row.event_seq,
                at: row.at,
                duration_ms: row.duration_ms,
                result: row.result,
                status: row.status,
                note: row.note,
            })
        })
        .collect()
}

/// Makes dead deliveries wait again, with all their attempts. Returns how many there were.
///
/// The lane gets a tail that is newer than every delivery: a lease that is held now could otherwise close the lane although it is not
/// empty.
pub async fn retry_dead(pool: &PgPool, deliveries: &[i64]) -> Result<u64, sqlx::Error> {
    let revived = query_scalar!(
        r#"
        with revived as (
                 update eqp.delivery
                 set dead_at = null, attempts = 0, invalid = 0, retry_at = null, hold_until = null
                 where id = any($1) and dead_at is not null
                 returning subscription_id, resource),
             lanes as (
                 insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
                 select subscription_id, resource, now(), nextval(pg_get_serial_sequence('eqp.delivery', 'id'))
                 from (select distinct * from revived) as revived
                 order by 1, 2
                 on conflict (subscription_id, resource) do update
                 set tail_id = excluded.tail_id, due_at = case when lane.lease is null then now() else lane.due_at end)
        select count(*) as "revived!" from revived
        "#,
        deliveries
    )
    .fetch_one(pool)
    .await?;
    Ok(revived.unsigned_abs())
}

/// Makes waiting deliveries due now. Returns how many there were.
pub async fn retry_waiting(pool: &PgPool, deliveries: &[i64]) -> Result<u64, sqlx::Error> {
    let woken = query_scalar!(
        r#"
        with woken as (
                 update eqp.delivery set retry_at = null
                 where id = any($1) and dead_at is null
                 returning subscription_id, resource),
             waiting as materialized (
                 select lane.subscription_id, lane.resource
                 from (select distinct * from woken) as woken
                 join eqp.delivery_lane as lane using (subscription_id, resource)
                 where lane.lease is null and lane.due_at < 'infinity'
                 order by 1, 2
                 for update of lane),
             lanes as (
                 update eqp.delivery_lane as lane set due_at = now()
                 from waiting
                 where lane.subscription_id = waiting.subscription_id and lane.resource = waiting.resource)
        select count(*) as "woken!" from woken
        "#,
        deliveries
    )
    .fetch_one(pool)
    .await?;
    Ok(woken.unsigned_abs())
}

/// Deletes deliveries without sending them, and records that. Returns how many there were.
pub async fn discard(pool: &PgPool, deliveries: &[i64], note: &str) -> Result<u64, sqlx::Error> {
    let discarded = query_scalar!(
        r#"
        with gone as (
                 delete from eqp.delivery where id = any($1)
                 returning id, subscription_id, resource, source, event_seq),
             logged as (
                 insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, duration_ms, result, note)
                 select id, subscription_id, source, event_seq, 0, 'discarded', $2 from gone),
             waiting as materialized (
                 select lane.subscription_id, lane.resource
                 from (select distinct subscription_id, resource from gone) as gone
                 join eqp.delivery_lane as lane using (subscription_id, resource)
                 where lane.lease is null and lane.due_at < 'infinity'
                 order by 1, 2
                 for update of lane),
             lanes as (
                 update eqp.delivery_lane as lane set due_at = now()
                 from waiting
                 where lane.subscription_id = waiting.subscription_id and lane.resource = waiting.resource)
        select count(*) as "discarded!" from gone
        "#,
        deliveries,
        note,
    )
    .fetch_one(pool)
    .await?;
    Ok(discarded.unsigned_abs())
}

/// Inserts a test of a subscription. Returns the ID of its delivery.
pub async fn insert_test(pool: &PgPool, subscription: SubscriptionId, test: Uuid) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        with inserted as (
                 insert into eqp.delivery (subscription_id, resource, source, event_seq, test_id)
                 values ($1, $2, $3, 0, $4)
                 returning id, subscription_id, resource),
             lanes as (
                 insert into eqp.delivery_lane (subscription_id, resource, due_at, tail_id)
                 select subscription_id, resource, now(), id from inserted)
        select id from inserted
        "#,
        subscription.0,
        LaneKey::of_test(test).0,
        DeliverySource::Test.as_str(),
        test,
    )
    .fetch_one(pool)
    .await
}
