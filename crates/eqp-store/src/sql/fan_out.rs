//! `eqp.fanout`: matches new events against subscriptions, and inserts their deliveries in the transaction that moves the cursor.

use sqlx::{PgConnection, query, query_scalar};

use super::event::{Source, select};
use crate::model::{CatchUpPosition, Event, FanOutPosition, NewDelivery, SubscriptionId};

/// The maximum number of events that one transaction matches.
const EVENTS: i64 = 500;

/// Locks the position of the fan-out if there are new events. Returns `None` if there are none, or if another process is the leader.
pub async fn lead(connection: &mut PgConnection) -> Result<Option<FanOutPosition>, sqlx::Error> {
    let row = query!(
        r#"
        select fanout.cursor_seq, fanout.generation, projector.last_event_seq,
               -- A leader whose process is frozen loses the lock.
               set_config('idle_in_transaction_session_timeout', '10s', true) as timeout
        from eqp.fanout
        cross join eqp.projector
        where projector.last_event_seq > fanout.cursor_seq
        for update of fanout skip locked
        "#
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| FanOutPosition {
        cursor_seq: row.cursor_seq,
        generation: row.generation,
        last_event_seq: row.last_event_seq,
    }))
}

/// Locks a subscription that catches up, or returns `None` if there is none that no other process has locked.
pub async fn lock_catching_up(connection: &mut PgConnection) -> Result<Option<CatchUpPosition>, sqlx::Error> {
    let row = query!(
        r#"
        select subscription_id, subscription_state.cursor_seq as "cursor_seq!", fanout.cursor_seq as target_seq,
               fanout.generation
        from eqp.subscription_state
        join eqp.subscription on subscription.id = subscription_id and removed_at is null
        cross join eqp.fanout
        where state = 'active' and subscription_state.cursor_seq is not null
        order by subscription_id
        limit 1
        for update of subscription_state skip locked
        "#
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| CatchUpPosition {
        subscription: SubscriptionId(row.subscription_id),
        cursor_seq: row.cursor_seq,
        target_seq: row.target_seq,
        generation: row.generation,
    }))
}

/// Returns the first events after a position, up to another one. If fewer than [`is_full`] says are returned, there are no more.
pub async fn events(connection: &mut PgConnection, after: i64, up_to: i64) -> Result<Vec<Event>, sqlx::Error> {
    let mut events = select(Source::All);
    events.push(" and event.seq > ").push_bind(after).push(" and event.seq <= ").push_bind(up_to);
    events.push(" order by event.seq limit ").push_bind(EVENTS);
    events.build_query_as().fetch_all(connection).await
}

/// Returns whether there can be more events than these.
pub fn is_full(events: &[Event]) -> bool {
    i64::try_from(events.len()).is_ok_and(|read| read >= EVENTS)
}

/// Moves the cursor from `position` to `to`, and inserts deliveries in their order. Returns false, and inserts nothing, if the position
/// or the subscriptions have changed.
pub async fn advance(
    connection: &mut PgConnection,
    position: &FanOutPosition,
    to: i64,
    deliveries: &[NewDelivery],
) -> Result<bool, sqlx::Error> {
    let (subscriptions, lanes, events) = columns(deliveries);
    let moved = query_scalar!(
        r#"
        with moved as (
                 update eqp.fanout set cursor_seq = $1 where cursor_seq = $2 and generation = $3 returning 1),
             inserted as (
                 insert into eqp.delivery (subscription_id, resource, source, event_seq)
                 select subscription_id, resource, 'event', event_seq
                 from unnest($4::integer[], $5::bigint[], $6::bigint[])
                      with ordinality as new (subscription_id, resource, event_seq, n), moved
                 order by n
                 returning id, subscription_id, resource),
             lanes as (
                 insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
                 select subscription_id, resource, now(), max(id) from inserted group by 1, 2 order by 1, 2
                 on conflict (subscription_id, resource) do update
                 set tail_id = greatest(lane.tail_id, excluded.tail_id),
                     due_at = case when lane.due_at = 'infinity' then now() else lane.due_at end)
        select count(*) as "moved!" from moved
        "#,
        to,
        position.cursor_seq,
        position.generation,
        &subscriptions,
        &lanes,
        &events,
    )
    .fetch_one(connection)
    .await?;
    Ok(moved > 0)
}

/// Moves the cursor of a subscription that catches up, and inserts its deliveries. Returns false, and inserts nothing, if it was
/// changed in the meantime.
pub async fn catch_up(
    connection: &mut PgConnection,
    position: &CatchUpPosition,
    to: i64,
    deliveries: &[NewDelivery],
) -> Result<bool, sqlx::Error> {
    let (subscriptions, lanes, events) = columns(deliveries);
    let moved = query_scalar!(
        r#"
        with moved as (
                 update eqp.subscription_state set cursor_seq = $1
                 where subscription_id = $3 and cursor_seq = $2 and state = 'active'
                 returning 1),
             inserted as (
                 insert into eqp.delivery (subscription_id, resource, source, event_seq)
                 select subscription_id, resource, 'event', event_seq
                 from unnest($4::integer[], $5::bigint[], $6::bigint[])
                      with ordinality as new (subscription_id, resource, event_seq, n), moved
                 order by n
                 returning id, subscription_id, resource),
             lanes as (
                 insert into eqp.delivery_lane as lane (subscription_id, resource, due_at, tail_id)
                 select subscription_id, resource, now(), max(id) from inserted group by 1, 2 order by 1, 2
                 on conflict (subscription_id, resource) do update
                 set tail_id = greatest(lane.tail_id, excluded.tail_id),
                     due_at = case when lane.due_at = 'infinity' then now() else lane.due_at end)
        select count(*) as "moved!" from moved
        "#,
        to,
        position.cursor_seq,
        position.subscription.0,
        &subscriptions,
        &lanes,
        &events,
    )
    .fetch_one(connection)
    .await?;
    Ok(moved > 0)
}

/// Puts a subscription in step with the fan-out if its position is `cursor_seq` and the fan-out's is the same. Returns whether it was.
pub async fn rejoin(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    cursor_seq: i64,
) -> Result<bool, sqlx::Error> {
    let rejoined = query!(
        r#"
        with position as (
            update eqp.fanout set generation = generation + 1 where cursor_seq = $2 returning cursor_seq, alert_cursor)
        update eqp.subscription_state as state
        set cursor_seq = null, alert_cursor = null
        from position
        where state.subscription_id = $1 and state.state = 'active' and state.cursor_seq = position.cursor_seq
        "#,
        subscription.0,
        cursor_seq,
    )
    .execute(connection)
    .await?;
    Ok(rejoined.rows_affected() > 0)
}

fn columns(deliveries: &[NewDelivery]) -> (Vec<i32>, Vec<i64>, Vec<i64>) {
    let subscriptions = deliveries.iter().map(|delivery| delivery.subscription.0).collect();
    let lanes = deliveries.iter().map(|delivery| delivery.lane.0).collect();
    (subscriptions, lanes, deliveries.iter().map(|delivery| delivery.event_seq).collect())
}
