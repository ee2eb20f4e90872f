//! Records the results of leased lanes of deliveries.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, query};

use crate::model::{DeliveryReport, LaneReport, NextAttempt, SubscriptionId};

/// Records results: deletes what is finished, schedules what failed, and releases the lanes whose lease is still held.
pub async fn report(connection: &mut PgConnection, report: &DeliveryReport) -> Result<(), sqlx::Error> {
    let lanes = &report.lanes;
    let attempts = &report.attempts;
    let retry = |lane: &LaneReport| match lane.next {
        NextAttempt::Retry { delivery, is_counted, is_invalid, hold, .. } => {
            (Some(delivery), is_counted, is_invalid, hold.map(|hold| hold.as_secs_f64()))
        }
        NextAttempt::AtOnce | NextAttempt::After(_) => (None, false, false, None),
    };
    let wait = |lane: &LaneReport| match lane.next {
        NextAttempt::Retry { after, .. } | NextAttempt::After(after) => Some(after.as_secs_f64()),
        NextAttempt::AtOnce => None,
    };
    query!(
        r#"
        with gone as (delete from eqp.delivery where id = any($1)),
             result as materialized (
                 select *
                 from unnest($3::integer[], $4::bigint[], $5::uuid[], $6::bigint[], $7::bigint[], $8::float8[], $9::boolean[],
                             $10::boolean[], $11::float8[])
                      as result (subscription_id, resource, lease, last_id, retry_id, wait, counted, invalid, hold)),
             failed as (
                 update eqp.delivery
                 set attempts = delivery.attempts + result.counted::integer,
                     invalid = delivery.invalid + result.invalid::integer,
                     retry_at = now() + make_interval(secs => result.wait),
                     hold_until = case when result.counted and delivery.hold_until is null
                                       then now() + make_interval(secs => result.hold)
                                       else delivery.hold_until end
                 from result
                 where delivery.id = result.retry_id and delivery.dead_at is null
                   -- Nothing is counted twice if this runs again, because it was not known whether it had been committed.
                   and exists (select
                               from eqp.delivery_lane as lane
                               where lane.subscription_id = result.subscription_id and lane.resource = result.resource
                                 and lane.lease = result.lease)
                 returning delivery.id,
                           -- The lane is due when the head has held back the others for long enough: it is then moved aside.
                           least(delivery.retry_at,
                                 case when delivery.moved_from is null then delivery.hold_until end) as due_at),
             dead as (
                 update eqp.delivery set attempts = attempts + 1, dead_at = now(), retry_at = null
                 where id = any($2) and dead_at is null),
             logged as (
                 insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, duration_ms, result, status, note)
                 select *
                 from unnest($12::bigint[], $13::integer[], $14::text[], $15::bigint[], $16::integer[], $17::text[],
                             $18::integer[], $19::text[])),
             ours as materialized (
                 select result.*
                 from result
                 join eqp.delivery_lane as lane
                   on lane.subscription_id = result.subscription_id and lane.resource = result.resource
                 where lane.lease = result.lease
                 order by result.subscription_id, result.resource
                 for update of lane)
        update eqp.delivery_lane as lane
        set lease = null, lost = 0,
            due_at = case
                when ours.retry_id is not null
                    -- Without a row, an operator has discarded the delivery that failed.
                    then coalesce((select failed.due_at from failed where failed.id = ours.retry_id), now())
                when ours.wait is not null then now() + make_interval(secs => ours.wait)
                when lane.tail_id > ours.last_id then now()
                else 'infinity'
            end
        from ours
        where lane.subscription_id = ours.subscription_id and lane.resource = ours.resource
        "#,
        &report.done,
        &report.dead,
        &lanes.iter().map(|lane| lane.lane.subscription.0).collect::<Vec<_>>(),
        &lanes.iter().map(|lane| lane.lane.lane.0).collect::<Vec<_>>(),
        &lanes.iter().map(|lane| lane.lane.lease).collect::<Vec<_>>(),
        &lanes.iter().map(|lane| lane.last_id).collect::<Vec<_>>(),
        &lanes.iter().map(|lane| retry(lane).0).collect::<Vec<_>>() as &[Option<i64>],
        &lanes.iter().map(wait).collect::<Vec<_>>() as &[Option<f64>],
        &lanes.iter().map(|lane| retry(lane).1).collect::<Vec<_>>(),
        &lanes.iter().map(|lane| retry(lane).2).collect::<Vec<_>>(),
        &lanes.iter().map(|lane| retry(lane).3).collect::<Vec<_>>() as &[Option<f64>],
        &attempts.iter().map(|attempt| attempt.delivery).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| attempt.subscription.0).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| attempt.source.as_str()).collect::<Vec<_>>() as &[&str],
        &attempts.iter().map(|attempt| attempt.event_seq).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| milliseconds(attempt.duration)).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| attempt.result).collect::<Vec<_>>() as &[&str],
        &attempts.iter().map(|attempt| attempt.status.map(i32::from)).collect::<Vec<_>>() as &[Option<i32>],
        &attempts.iter().map(|attempt| attempt.note.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes all waiting deliveries of a subscription due, because its handler is available again.
pub async fn wake(pool: &PgPool, subscription: SubscriptionId) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    query!(
        "update eqp.delivery set retry_at = null where subscription_id = $1 and retry_at is not null and dead_at is null",
        subscription.0
    )
    .execute(&mut *transaction)
    .await?;
    query!(
        r#"
        with waiting as materialized (
            select subscription_id, resource
            from eqp.delivery_lane
            where subscription_id = $1 and due_at > now() and due_at < 'infinity' and lease is null
            order by subscription_id, resource
            for update)
        update eqp.delivery_lane as lane
        set due_at = now()
        from waiting
        where lane.subscription_id = waiting.subscription_id and lane.resource = waiting.resource and lane.lease is null
          and lane.due_at < 'infinity'
        "#,
        subscription.0
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// Records that everything that was waiting during an outage of a handler has been sent, if no lane of the subscription is due.
pub async fn finish_recovery(pool: &PgPool, subscription: SubscriptionId) -> Result<(), sqlx::Error> {
    query!(
        r#"
        update eqp.subscription_state as state
        set recovering = false
        where subscription_id = $1 and recovering
          and not exists (select from eqp.delivery_lane
                          where subscription_id = $1 and due_at < 'infinity' and (due_at <= now() or lease is not null))
        "#,
        subscription.0
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
