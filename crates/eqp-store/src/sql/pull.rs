//! Subscriptions whose messages consumers fetch. Their lanes are leased as in `delivery_lane`, one delivery of each.
//!
//! Lock order as everywhere: fanout, subscription, subscription state, delivery, lane; and within a table, the order of the keys.

use std::time::Duration;

use sqlx::{PgPool, query, query_scalar};

use crate::model::{AckedDelivery, Nack, SubscriptionId};

/// The state of a subscription for a consumer that waits for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullState {
    pub is_paused: bool,
    /// A lane is due.
    pub has_due: bool,
    /// The number of recorded events that no fan-out has matched yet.
    pub unmatched: u64,
}

/// Returns the state of a subscription, or `None` if it does not exist.
pub async fn state(pool: &PgPool, subscription: SubscriptionId) -> Result<Option<PullState>, sqlx::Error> {
    let row = query!(
        r#"
        select state.state = 'paused' as "is_paused!",
               exists (select from eqp.delivery_lane
                       where subscription_id = $1 and due_at <= now() and due_at < 'infinity') as "has_due!",
               greatest(projector.last_event_seq - fanout.cursor_seq, 0) as "unmatched!"
        from eqp.subscription
        join eqp.subscription_state as state on state.subscription_id = subscription.id
        cross join eqp.projector
        cross join eqp.fanout
        where subscription.id = $1 and subscription.removed_at is null
        "#,
        subscription.0
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| PullState {
        is_paused: row.is_paused,
        has_due: row.has_due,
        unmatched: row.unmatched.unsigned_abs(),
    }))
}

/// Records that a consumer uses a subscription, at most once per minute.
pub async fn record_use(pool: &PgPool, subscription: SubscriptionId) -> Result<(), sqlx::Error> {
    query!(
        r#"
        update eqp.subscription_state
        set fetched_at = now()
        where subscription_id = $1 and (fetched_at is null or fetched_at < now() - interval '1 minute')
        "#,
        subscription.0
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Expands to a checked query that locks the deliveries of some messages as `held`, if their lanes are still leased with the ID of the
/// message, or were last leased with it, and they are the first of their lanes. `extra` are additional columns, and `rest` is what is done
/// with them.
macro_rules! settle {
    ($extra:literal, $rest:literal, $($argument:expr),* $(,)?) => {
        query_scalar!(
            r#"
        with settled as materialized (
                 select *
                 from unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::integer[])
                      as settled (delivery, resource, lease, duration)),
             held as materialized (
                 select delivery.id, settled.resource, settled.lease, settled.duration
            "#
            + $extra
            + r#"
                 from settled
                 join eqp.delivery on delivery.id = settled.delivery and delivery.subscription_id = $1
                                  and delivery.resource = settled.resource
                 where delivery.dead_at is null
                   and exists (select
                               from eqp.delivery_lane as lane
                               where lane.subscription_id = $1 and lane.resource = settled.resource
                                 and lane.lease = settled.lease)
                   and not exists (select
                                   from eqp.delivery as earlier
                                   where earlier.subscription_id = $1 and earlier.resource = settled.resource
                                     and earlier.id < delivery.id and earlier.dead_at is null)
                 order by delivery.id
                 for update of delivery),
            "#
            + $rest,
            $($argument),*
        )
    };
}

/// Finishes deliveries that were leased, and releases their lanes. Returns how many there were; only these are logged, so repeating this
/// changes nothing. A delivery is also finished after its lease has expired, unless it was leased again: only the random ID of the last
/// lease shows that the consumer has fetched the first delivery of the lane.
pub async fn ack(pool: &PgPool, subscription: SubscriptionId, acked: &[AckedDelivery]) -> Result<u64, sqlx::Error> {
    let columns = Columns::of(acked);
    let finished = settle!(
        "",
        r#"
             gone as (
                 delete from eqp.delivery using held where delivery.id = held.id
                 returning delivery.id, delivery.source, delivery.event_seq, held.duration),
             logged as (
                 insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, duration_ms, result)
                 select id, $1, source, event_seq, duration, 'delivered' from gone order by id),
             ours as materialized (
                 select lane.resource, held.id
                 from held
                 join eqp.delivery_lane as lane on lane.subscription_id = $1 and lane.resource = held.resource
                 where lane.lease = held.lease
                 order by lane.resource
                 for update of lane),
             released as (
                 update eqp.delivery_lane as lane
                 set lease = null, lost = 0,
                     due_at = case when lane.tail_id > ours.id then now() else 'infinity' end
                 from ours
                 where lane.subscription_id = $1 and lane.resource = ours.resource)
        select count(*) as "finished!" from gone
        "#,
        subscription.0,
        &columns.deliveries,
        &columns.lanes,
        &columns.leases,
        &columns.durations,
    )
    .fetch_one(pool)
    .await?;
    Ok(finished.unsigned_abs())
}

/// Returns deliveries to the queue, under the same conditions as `ack`. Returns how many there were. `hold` is the time for which a delivery
/// holds back its successors from its first failure on; `None`: until it is dead.
pub async fn nack(
    pool: &PgPool,
    subscription: SubscriptionId,
    nacked: &[AckedDelivery],
    nack: &Nack,
    hold: Option<Duration>,
    note: Option<&str>,
) -> Result<u64, sqlx::Error> {
    let columns = Columns::of(nacked);
    let (wait, schedule) = match nack {
        Nack::After(wait) => (Some(wait.as_secs_f64()), Vec::new()),
        Nack::Scheduled(waits) => (None, waits.iter().map(Duration::as_secs_f64).collect()),
        Nack::Dead => (None, Vec::new()),
    };
    let returned = settle!(
        r#"
                        -- Without a wait, it is dead.
                        , coalesce($6::float8, ($7::float8[])[delivery.attempts + 1]) as wait
        "#,
        r#"
             failed as (
                 update eqp.delivery
                 set attempts = attempts + 1,
                     dead_at = case when held.wait is null then now() end,
                     retry_at = now() + make_interval(secs => held.wait),
                     hold_until = case when hold_until is null then now() + make_interval(secs => $8::float8)
                                       else hold_until end
                 from held
                 where delivery.id = held.id
                 returning delivery.id, delivery.source, delivery.event_seq, delivery.dead_at, held.resource, held.lease,
                           held.duration,
                           least(delivery.retry_at,
                                 case when delivery.moved_from is null then delivery.hold_until end) as due_at),
             logged as (
                 insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, duration_ms, result, note)
                 select id, $1, source, event_seq, duration,
                        case when dead_at is null then 'retry_later' else 'never_retry' end, $9
                 from failed
                 order by id),
             ours as materialized (
                 select lane.resource, failed.id, failed.dead_at, failed.due_at
                 from failed
                 join eqp.delivery_lane as lane on lane.subscription_id = $1 and lane.resource = failed.resource
                 where lane.lease = failed.lease
                 order by lane.resource
                 for update of lane),
             released as (
                 update eqp.delivery_lane as lane
                 set lease = null, lost = 0,
                     due_at = case
                         when ours.dead_at is null then ours.due_at
                         when lane.tail_id > ours.id then now()
                         else 'infinity'
                     end
                 from ours
                 where lane.subscription_id = $1 and lane.resource = ours.resource)
        select count(*) as "returned!" from failed
        "#,
        subscription.0,
        &columns.deliveries,
        &columns.lanes,
        &columns.leases,
        &columns.durations,
        wait as Option<f64>,
        &schedule,
        hold.map(|hold| hold.as_secs_f64()) as Option<f64>,
        note as Option<&str>,
    )
    .fetch_one(pool)
    .await?;
    Ok(returned.unsigned_abs())
}

/// Removes temporary subscriptions that no consumer has used for 7 days. Returns their names.
pub async fn remove_unused(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let unused = query_scalar!(
        r#"
        select id
        from eqp.subscription
        join eqp.subscription_state as state on state.subscription_id = subscription.id
        where temporary and removed_at is null and coalesce(state.fetched_at, created_at) < now() - interval '7 days'
        "#
    )
    .fetch_all(pool)
    .await?;
    if unused.is_empty() {
        return Ok(Vec::new());
    }
    let mut transaction = pool.begin().await?;
    query!("update eqp.fanout set generation = generation + 1").execute(&mut *transaction).await?;
    // Checked again: a consumer may have come back.
    let removed = query!(
        r#"
        update eqp.subscription
        set removed_at = now()
        from eqp.subscription_state as state
        where id = any($1) and state.subscription_id = id and removed_at is null
          and coalesce(state.fetched_at, created_at) < now() - interval '7 days'
        returning id, name
        "#,
        &unused
    )
    .fetch_all(&mut *transaction)
    .await?;
    query!(
        r#"
        update eqp.subscription_state
        set state = 'paused', paused_at = coalesce(paused_at, now()), paused_reason = 'removed'
        where subscription_id = any($1)
        "#,
        &removed.iter().map(|row| row.id).collect::<Vec<_>>()
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(removed.into_iter().map(|row| row.name).collect())
}

struct Columns {
    deliveries: Vec<i64>,
    lanes: Vec<i64>,
    leases: Vec<uuid::Uuid>,
    durations: Vec<i32>,
}

impl Columns {
    fn of(acked: &[AckedDelivery]) -> Self {
        Self {
            deliveries: acked.iter().map(|one| one.delivery).collect(),
            lanes: acked.iter().map(|one| one.lane.0).collect(),
            leases: acked.iter().map(|one| one.lease).collect(),
            durations: acked.iter().map(|one| super::delivery_report::milliseconds(one.duration)).collect(),
        }
    }
}
