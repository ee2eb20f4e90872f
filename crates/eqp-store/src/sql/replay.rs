//! `eqp.replay`: events that are delivered again, and the batches in which their deliveries are created.

use sqlx::{PgConnection, PgPool, query, query_as, query_scalar};

use super::event::{Source, select};
use super::listing::{accounts, matching};
use super::new_deliveries::{Columns, move_and_insert};
use crate::model::{Event, EventFilter, NewDelivery, NewReplay, ReplayPosition, StoredReplay, SubscriptionId};

/// Stores a replay. Returns its number.
pub async fn insert(connection: &mut PgConnection, new: &NewReplay<'_>) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        insert into eqp.replay (selection, subscription_id, subscription, end_seq, planned, requested_by)
        values ($1::text::jsonb, $2, $3, $4, $5, $6)
        returning id
        "#,
        new.selection,
        new.target.map(|(id, _)| id.0) as Option<i32>,
        new.target.map(|(_, name)| name) as Option<&str>,
        new.end_seq,
        new.planned,
        new.requested_by,
    )
    .fetch_one(connection)
    .await
}

/// Returns the number of replays whose deliveries have not all been created.
pub async fn count_incomplete(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    query_scalar!(r#"select count(*) as "count!" from eqp.replay where completed_at is null and cancelled_at is null"#)
        .fetch_one(connection)
        .await
}

/// Returns replays, newest first: all, or only those with a number up to `last`.
pub async fn list(pool: &PgPool, last: Option<i64>, limit: i64) -> Result<Vec<StoredReplay>, sqlx::Error> {
    query_as!(
        StoredReplay,
        r#"
        select replay.id, selection::text as "selection!", subscription, end_seq, planned, created, discarded,
               of_replay.waiting as "waiting!", of_replay.retrying as "retrying!", of_replay.dead as "dead!",
               requested_at, requested_by, completed_at, cancelled_at
        from eqp.replay
        cross join lateral (
            select count(*) filter (where dead_at is null) as waiting,
                   count(*) filter (where dead_at is null and attempts > 0) as retrying,
                   count(*) filter (where dead_at is not null) as dead
            from eqp.delivery
            where replay_id = replay.id
        ) as of_replay
        where $1::bigint is null or replay.id <= $1
        order by replay.id desc
        limit $2
        "#,
        last,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Returns one replay, or `None`.
pub async fn find(pool: &PgPool, replay: i64) -> Result<Option<StoredReplay>, sqlx::Error> {
    Ok(list(pool, Some(replay), 1).await?.pop().filter(|found| found.id == replay))
}

/// A replay whose deliveries have not all been created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// Its next deliveries can be created.
    Next(ReplayPosition),
    /// As many of its deliveries as allowed are waiting.
    Full,
}

/// Locks the oldest replay of which fewer than `most` deliveries are waiting. Returns `None` if there is no incomplete replay that no other
/// process has locked.
pub async fn lock_next(connection: &mut PgConnection, most: i64) -> Result<Option<Incomplete>, sqlx::Error> {
    let row = query!(
        r#"
        select replay.id, selection::text as "selection!", subscription_id, replay.cursor_seq, end_seq, generation,
               counted.waiting >= $1 as "is_full!",
               -- A leader whose process is frozen loses the lock.
               set_config('idle_in_transaction_session_timeout', '10s', true) as timeout
        from eqp.replay
        cross join eqp.fanout
        cross join lateral (
            select count(*) as waiting
            from (select from eqp.delivery where replay_id = replay.id and dead_at is null limit $1) as found
        ) as counted
        where completed_at is null and cancelled_at is null
        order by counted.waiting >= $1, replay.id
        limit 1
        for update of replay skip locked
        "#,
        most
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        if row.is_full {
            return Incomplete::Full;
        }
        Incomplete::Next(ReplayPosition {
            id: row.id,
            selection: row.selection,
            subscription: row.subscription_id.map(SubscriptionId),
            cursor_seq: row.cursor_seq,
            end_seq: row.end_seq,
            generation: row.generation,
        })
    }))
}

/// Returns the first events that match a filter and, unless `seqs` is empty, have one of these numbers. The filter's order is ignored.
pub async fn events(
    connection: &mut PgConnection,
    filter: &EventFilter,
    seqs: &[i64],
) -> Result<Vec<Event>, sqlx::Error> {
    let accounts = accounts(&mut *connection, filter.environment, filter.mage_id.as_ref()).await?;
    let mut query = select(Source::All);
    matching(&mut query, filter, accounts.as_deref());
    if !seqs.is_empty() {
        query.push(" and event.seq = any(").push_bind(seqs.to_vec()).push(")");
    }
    query.push(" order by event.seq limit ").push_bind(i64::from(filter.limit));
    query.build_query_as().fetch_all(connection).await
}

/// Moves the position of a replay, and creates deliveries in their order. Returns false, and creates nothing, if it was cancelled.
pub async fn advance(
    connection: &mut PgConnection,
    position: &ReplayPosition,
    to: i64,
    deliveries: &[NewDelivery],
) -> Result<bool, sqlx::Error> {
    let columns = Columns::of(deliveries);
    let moved = move_and_insert!(
        "update eqp.replay
         set cursor_seq = $7, created = created + $8, completed_at = case when $7 >= end_seq then now() end
         where id = $9 and cursor_seq = $10 and cancelled_at is null",
        columns,
        to,
        i64::try_from(deliveries.len()).unwrap_or(i64::MAX),
        position.id,
        position.cursor_seq,
    )
    .fetch_one(connection)
    .await?;
    Ok(moved > 0)
}

/// Records how many deliveries of a cancelled replay were discarded.
pub async fn record_discarded(connection: &mut PgConnection, replay: i64, discarded: i64) -> Result<(), sqlx::Error> {
    query!("update eqp.replay set discarded = $2 where id = $1", replay, discarded).execute(connection).await?;
    Ok(())
}

/// Cancels a replay: no more of its deliveries are created. Returns the deliveries that are waiting, or `None` if it has ended: it was
/// cancelled already, or all of its deliveries have been created and none is waiting.
pub async fn cancel(connection: &mut PgConnection, replay: i64) -> Result<Option<Vec<i64>>, sqlx::Error> {
    let cancelled = query!(
        r#"
        update eqp.replay
        set cancelled_at = now()
        where id = $1 and cancelled_at is null
          and (completed_at is null or exists (select from eqp.delivery where replay_id = $1 and dead_at is null))
        "#,
        replay
    )
    .execute(&mut *connection)
    .await?;
    if cancelled.rows_affected() == 0 {
        return Ok(None);
    }
    let waiting =
        query_scalar!("select id from eqp.delivery where replay_id = $1 and dead_at is null order by id", replay)
            .fetch_all(connection)
            .await?;
    Ok(Some(waiting))
}
