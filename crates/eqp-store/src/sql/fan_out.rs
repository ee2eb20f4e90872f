//! `eqp.fanout`: matches new events and changes of alerts against subscriptions, and inserts their deliveries in the transaction
//! that moves the cursor.

use sqlx::{PgConnection, query};

use super::event::{Source, select};
use super::new_deliveries::{Columns, move_and_insert};
use crate::model::{CatchUpPosition, Cursors, Event, FanOutPosition, NewDelivery, SubscriptionId};

/// The maximum number of events that one transaction matches.
const EVENTS: i64 = 500;

/// Locks the position of the fan-out if there are new events or changes of alerts. Returns `None` if there are none, or if another process
/// is the leader.
pub async fn lead(connection: &mut PgConnection) -> Result<Option<FanOutPosition>, sqlx::Error> {
    let row = query!(
        r#"
        select fanout.cursor_seq, fanout.alert_cursor, fanout.generation, projector.last_event_seq, alert_log.last_number,
               -- A leader whose process is frozen loses the lock.
               set_config('idle_in_transaction_session_timeout', '10s', true) as timeout
        from eqp.fanout
        cross join eqp.projector
        cross join eqp.alert_log
        where projector.last_event_seq > fanout.cursor_seq or alert_log.last_number > fanout.alert_cursor
        for update of fanout skip locked
        "#
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| FanOutPosition {
        at: Cursors { event_seq: row.cursor_seq, alert_number: row.alert_cursor },
        target: Cursors { event_seq: row.last_event_seq, alert_number: row.last_number },
        generation: row.generation,
    }))
}

/// Locks a subscription that catches up, or returns `None` if there is none that no other process has locked.
pub async fn lock_catching_up(connection: &mut PgConnection) -> Result<Option<CatchUpPosition>, sqlx::Error> {
    let row = query!(
        r#"
        select subscription_id, subscription_state.cursor_seq as "cursor_seq!", fanout.cursor_seq as target_seq,
               subscription_state.alert_cursor as "alert_cursor!", fanout.alert_cursor as target_alert, fanout.generation
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
        at: Cursors { event_seq: row.cursor_seq, alert_number: row.alert_cursor },
        target: Cursors { event_seq: row.target_seq, alert_number: row.target_alert },
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
    to: Cursors,
    deliveries: &[NewDelivery],
) -> Result<bool, sqlx::Error> {
    let columns = Columns::of(deliveries);
    let moved = move_and_insert!(
        "update eqp.fanout set cursor_seq = $7, alert_cursor = $8
         where cursor_seq = $9 and alert_cursor = $10 and generation = $11",
        columns,
        to.event_seq,
        to.alert_number,
        position.at.event_seq,
        position.at.alert_number,
        position.generation,
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
    to: Cursors,
    deliveries: &[NewDelivery],
) -> Result<bool, sqlx::Error> {
    let columns = Columns::of(deliveries);
    let moved = move_and_insert!(
        "update eqp.subscription_state set cursor_seq = $7, alert_cursor = $8
         where subscription_id = $11 and cursor_seq = $9 and alert_cursor = $10 and state = 'active'",
        columns,
        to.event_seq,
        to.alert_number,
        position.at.event_seq,
        position.at.alert_number,
        position.subscription.0,
    )
    .fetch_one(connection)
    .await?;
    Ok(moved > 0)
}

/// Puts a subscription in step with the fan-out if it is at the position of the fan-out, which is `at`. Returns whether it was.
pub async fn rejoin(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    at: Cursors,
) -> Result<bool, sqlx::Error> {
    let rejoined = query!(
        r#"
        with position as (
            update eqp.fanout set generation = generation + 1
            where cursor_seq = $2 and alert_cursor = $3
            returning cursor_seq, alert_cursor)
        update eqp.subscription_state as state
        set cursor_seq = null, alert_cursor = null
        from position
        where state.subscription_id = $1 and state.state = 'active' and state.cursor_seq = position.cursor_seq
          and state.alert_cursor = position.alert_cursor
        "#,
        subscription.0,
        at.event_seq,
        at.alert_number,
    )
    .execute(connection)
    .await?;
    Ok(rejoined.rows_affected() > 0)
}
