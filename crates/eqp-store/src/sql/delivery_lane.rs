//! `eqp.delivery_lane`: leases lanes of deliveries. Their results are in `delivery_report`.

use std::time::Duration;

use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

use super::column::read;
use super::subscription::seconds;
use crate::model::{LaneKey, LeasedLane, SubscriptionId, SubscriptionWork, WaitingDelivery};

/// Returns the active subscriptions with waiting deliveries.
pub async fn work(pool: &PgPool) -> Result<Vec<SubscriptionWork>, sqlx::Error> {
    let rows = query!(
        r#"
        select state.subscription_id, extract(epoch from lane.due_at - now())::float8 as "due_in!",
               extract(epoch from state.open_until - now())::float8 as open_for, state.recovering, fanout.generation
        from eqp.subscription_state as state
        cross join eqp.fanout
        cross join lateral (
            select due_at
            from eqp.delivery_lane
            where subscription_id = state.subscription_id and due_at < 'infinity'
            order by due_at
            limit 1
        ) as lane
        where state.state = 'active'
        "#
    )
    .fetch_all(pool)
    .await?;
    let work = rows.into_iter().map(|row| SubscriptionWork {
        subscription: SubscriptionId(row.subscription_id),
        due_in: seconds(row.due_in),
        open_for: row.open_for.map(seconds),
        is_recovering: row.recovering,
        generation: row.generation,
    });
    Ok(work.collect())
}

/// Leases lanes that are due: for each subscription at most as many as given. At most 256 at a time: with this literal, Postgres reads
/// the lanes in the order of their index; without it, it hashes all lanes.
pub async fn lease(
    pool: &PgPool,
    rooms: &[(SubscriptionId, usize)],
    ttl: Duration,
) -> Result<Vec<LeasedLane>, sqlx::Error> {
    let subscriptions: Vec<_> = rooms.iter().map(|(subscription, _)| subscription.0).collect();
    let rooms: Vec<_> = rooms.iter().map(|(_, room)| i32::try_from(*room).unwrap_or(i32::MAX)).collect();
    let lease = Uuid::new_v4();
    let rows = query!(
        r#"
        with due as materialized (
            select lane.subscription_id, lane.resource
            from unnest($1::integer[], $2::integer[]) as wanted (id, room)
            cross join lateral (
                select subscription_id, resource
                from eqp.delivery_lane
                where subscription_id = wanted.id and due_at <= now() and due_at < 'infinity'
                order by due_at
                limit wanted.room
                for update skip locked
            ) as lane
            limit 256
        )
        update eqp.delivery_lane as lane
        set due_at = now() + make_interval(secs => $3), lease = $4,
            lost = case when lane.lease is null then 0 else lane.lost + 1 end
        from due
        where lane.subscription_id = due.subscription_id and lane.resource = due.resource
        returning lane.subscription_id, lane.resource, lane.tail_id, lane.lost
        "#,
        &subscriptions,
        &rooms,
        ttl.as_secs_f64(),
        lease,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| leased(row.subscription_id, row.resource, row.tail_id, row.lost, lease)).collect())
}

/// Leases the lanes of tests, also of subscriptions that are paused.
pub async fn lease_tests(pool: &PgPool, ttl: Duration) -> Result<Vec<LeasedLane>, sqlx::Error> {
    let lease = Uuid::new_v4();
    let rows = query!(
        r#"
        with due as materialized (
            select lane.subscription_id, lane.resource
            from eqp.delivery
            join eqp.delivery_lane as lane using (subscription_id, resource)
            where delivery.source = 'test' and delivery.dead_at is null and lane.due_at <= now()
            order by delivery.id
            limit 16
            for update of lane skip locked
        )
        update eqp.delivery_lane as lane
        set due_at = now() + make_interval(secs => $1), lease = $2,
            lost = case when lane.lease is null then 0 else lane.lost + 1 end
        from due
        where lane.subscription_id = due.subscription_id and lane.resource = due.resource
        returning lane.subscription_id, lane.resource, lane.tail_id, lane.lost
        "#,
        ttl.as_secs_f64(),
        lease,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| leased(row.subscription_id, row.resource, row.tail_id, row.lost, lease)).collect())
}

/// Leases one lane of a subscription whose circuit breaker has been open for long enough: the one that has been due for the longest,
/// or will be due first. One process gets it. A lane whose probe failed becomes due again at that time, so the next probe takes another one:
/// a single event on which the handler crashes does not block all others.
pub async fn lease_probe(
    pool: &PgPool,
    subscription: SubscriptionId,
    ttl: Duration,
) -> Result<Option<LeasedLane>, sqlx::Error> {
    let lease = Uuid::new_v4();
    let mut transaction = pool.begin().await?;
    let is_ours = query!(
        r#"
        update eqp.subscription_state
        set open_until = now() + make_interval(secs => $2)
        where subscription_id = $1 and state = 'active' and open_until <= now()
        "#,
        subscription.0,
        ttl.as_secs_f64(),
    )
    .execute(&mut *transaction)
    .await?;
    if is_ours.rows_affected() == 0 {
        return Ok(None);
    }
    let row = query!(
        r#"
        with oldest as materialized (
            select subscription_id, resource
            from eqp.delivery_lane as lane
            where subscription_id = $1 and due_at < 'infinity' and (lease is null or due_at <= now())
              -- What waits for the end of quiet hours is not sent as a probe either.
              and not exists (select from eqp.delivery
                              where subscription_id = lane.subscription_id and resource = lane.resource and dead_at is null
                                and not_before > now())
            order by due_at
            limit 1
            for update skip locked
        )
        update eqp.delivery_lane as lane
        set due_at = now() + make_interval(secs => $2), lease = $3,
            lost = case when lane.lease is null then 0 else lane.lost + 1 end
        from oldest
        where lane.subscription_id = oldest.subscription_id and lane.resource = oldest.resource
        returning lane.subscription_id, lane.resource, lane.tail_id, lane.lost
        "#,
        subscription.0,
        ttl.as_secs_f64(),
        lease,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    transaction.commit().await?;
    Ok(Some(leased(row.subscription_id, row.resource, row.tail_id, row.lost, lease)))
}

fn leased(subscription: i32, lane: i64, tail_id: i64, lost: i32, lease: Uuid) -> LeasedLane {
    let (subscription, lane) = (SubscriptionId(subscription), LaneKey(lane));
    LeasedLane { subscription, lane, tail_id, lost: lost.unsigned_abs(), lease }
}

/// Returns the first ten waiting deliveries of each lane, in order.
pub async fn heads(pool: &PgPool, lanes: &[LeasedLane]) -> Result<Vec<WaitingDelivery>, sqlx::Error> {
    let subscriptions: Vec<_> = lanes.iter().map(|lane| lane.subscription.0).collect();
    let keys: Vec<_> = lanes.iter().map(|lane| lane.lane.0).collect();
    let rows = query!(
        r#"
        select head.id as "id!", head.subscription_id as "subscription_id!", head.resource as "resource!",
               head.source as "source!", head.event_seq as "event_seq!", head.test_id, head.replay_id,
               head.attempts as "attempts!", head.invalid as "invalid!",
               extract(epoch from now() - head.created_at)::float8 as "age!",
               extract(epoch from head.retry_at - now())::float8 as retry_in,
               case when head.moved_from is null then extract(epoch from head.hold_until - now())::float8 end as hold_in,
               extract(epoch from head.not_before - now())::float8 as not_before_in,
               coalesce(head.expires_at <= now(), false) as "is_expired!",
               -- A replay is outside of the order, and its lane contains several resources.
               case when head.replay_id is null then greatest(
                   (select event_seq
                    from eqp.delivery
                    where subscription_id = head.subscription_id and resource = head.resource and id < head.id
                      and dead_at is not null
                    order by id desc
                    limit 1),
                   (select event_seq
                    from eqp.delivery
                    where subscription_id = head.subscription_id and moved_from = head.resource and id < head.id
                    order by id desc
                    limit 1)) end as out_of_order_after
        from unnest($1::integer[], $2::bigint[]) as lane (subscription_id, resource)
        cross join lateral (
            select *
            from eqp.delivery
            where subscription_id = lane.subscription_id and resource = lane.resource and dead_at is null
            order by id
            limit 10
        ) as head
        order by head.id
        "#,
        &subscriptions,
        &keys,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(WaitingDelivery {
                id: row.id,
                subscription: SubscriptionId(row.subscription_id),
                lane: LaneKey(row.resource),
                source: read(&row.source)?,
                event_seq: row.event_seq,
                test_id: row.test_id,
                replay_id: row.replay_id,
                age: seconds(row.age),
                attempts: row.attempts.unsigned_abs(),
                invalid: row.invalid.unsigned_abs(),
                retry_in: row.retry_in.filter(|wait| *wait > 0.0).map(seconds),
                hold_in: row.hold_in.map(seconds),
                not_before_in: row.not_before_in.filter(|wait| *wait > 0.0).map(seconds),
                is_expired: row.is_expired,
                out_of_order_after: row.out_of_order_after,
            })
        })
        .collect()
}

/// Moves a delivery to a lane of its own, so that it no longer holds back the later ones of its resource.
pub async fn move_aside(pool: &PgPool, delivery: i64) -> Result<(), sqlx::Error> {
    query!(
        r#"
        with moved as (
            update eqp.delivery
            set moved_from = resource, resource = $2
            where id = $1 and dead_at is null and moved_from is null
            returning id, subscription_id, resource, retry_at)
        insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
        select subscription_id, resource, coalesce(retry_at, now()), id from moved
        on conflict (subscription_id, resource) do update
        set tail_id = greatest(lane.tail_id, excluded.tail_id), due_at = least(lane.due_at, excluded.due_at)
        "#,
        delivery,
        LaneKey::of_delivery(delivery).0,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Extends a lease. Returns false if it is lost.
pub async fn extend(pool: &PgPool, lane: &LeasedLane, ttl: Duration) -> Result<bool, sqlx::Error> {
    let extended = query_scalar!(
        r#"
        update eqp.delivery_lane
        set due_at = now() + make_interval(secs => $1)
        where subscription_id = $2 and resource = $3 and lease = $4
        returning 1
        "#,
        ttl.as_secs_f64(),
        lane.subscription.0,
        lane.lane.0,
        lane.lease,
    )
    .fetch_optional(pool)
    .await?;
    Ok(extended.is_some())
}
