//! `eqp.delivery` and `eqp.attempt`: attempts, and what operators do with single deliveries. Lists are in `delivery_list`.

use std::time::Duration;

use sqlx::{PgExecutor, PgPool, query, query_scalar};
use uuid::Uuid;

use super::column::read;
use crate::model::{AttemptSummary, DeliverySource, LaneKey, SubscriptionId};

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
pub async fn retry_dead(executor: impl PgExecutor<'_>, deliveries: &[i64]) -> Result<u64, sqlx::Error> {
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
    .fetch_one(executor)
    .await?;
    Ok(revived.unsigned_abs())
}

/// Makes waiting deliveries due now. Returns how many there were.
pub async fn retry_waiting(executor: impl PgExecutor<'_>, deliveries: &[i64]) -> Result<u64, sqlx::Error> {
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
    .fetch_one(executor)
    .await?;
    Ok(woken.unsigned_abs())
}

/// Deletes deliveries without sending them, and records that. Returns how many there were.
pub async fn discard(executor: impl PgExecutor<'_>, deliveries: &[i64], note: &str) -> Result<u64, sqlx::Error> {
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
    .fetch_one(executor)
    .await?;
    Ok(discarded.unsigned_abs())
}

/// Makes skipped deliveries wait again, with their IDs. Returns how many there were.
///
/// Each gets a lane of its own, because later deliveries of its resource may have been sent.
pub async fn retry_skipped(executor: impl PgExecutor<'_>, deliveries: &[i64]) -> Result<u64, sqlx::Error> {
    let lanes: Vec<i64> = deliveries.iter().map(|delivery| LaneKey::of_delivery(*delivery).0).collect();
    let revived = query_scalar!(
        r#"
        with skipped as (
                 select distinct on (attempt.delivery_id) attempt.delivery_id, attempt.subscription_id, wanted.resource,
                        attempt.source, attempt.event_seq
                 from unnest($1::bigint[], $2::bigint[]) as wanted (id, resource)
                 join eqp.attempt on attempt.delivery_id = wanted.id
                 join eqp.subscription on subscription.id = attempt.subscription_id and removed_at is null
                 where attempt.source <> 'test'
                   and not exists (select from eqp.delivery where id = wanted.id)
                   and 'skipped' = (select result from eqp.attempt where delivery_id = wanted.id order by id desc limit 1)
                 order by attempt.delivery_id),
             revived as (
                 insert into eqp.delivery (id, subscription_id, resource, source, event_seq) overriding system value
                 select * from skipped order by delivery_id
                 on conflict (id) do nothing
                 returning id, subscription_id, resource),
             lanes as (
                 insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
                 select subscription_id, resource, now(), nextval(pg_get_serial_sequence('eqp.delivery', 'id')) from revived order by 1, 2
                 on conflict (subscription_id, resource) do update
                 set tail_id = excluded.tail_id, due_at = case when lane.lease is null then now() else lane.due_at end)
        select count(*) as "revived!" from revived
        "#,
        deliveries,
        &lanes,
    )
    .fetch_one(executor)
    .await?;
    Ok(revived.unsigned_abs())
}

/// Inserts a test of a subscription, which is not sent after this time. Returns the ID of its delivery.
pub async fn insert_test(
    executor: impl PgExecutor<'_>,
    subscription: SubscriptionId,
    test: Uuid,
    expires_in: Duration,
) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        with inserted as (
                 insert into eqp.delivery (subscription_id, resource, source, event_seq, test_id, expires_at)
                 values ($1, $2, $3, 0, $4, now() + make_interval(secs => $5))
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
        expires_in.as_secs_f64(),
    )
    .fetch_one(executor)
    .await
}
