//! Elects the leader among projectors, and stores the numbers that the leader assigns.

use sqlx::{PgConnection, query, query_as, query_scalar};

use crate::model::LastNumbers;

/// The time limit for acquiring leadership. A projector holds it only for the duration of a batch.
const LEADERSHIP_TIMEOUT: &str = "30s";

/// Makes the planner look up rows by key, for the rest of the transaction.
///
/// New tables have no statistics, and without them the planner prefers to read a whole table over a few thousand lookups. Every join
/// of the projector is from a short list into an index, so all other plans are disabled. A connection also reuses its plans, and a
/// plan that was chosen for empty tables must still be good when they are full.
pub async fn look_up_by_key(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!(
        r#"
        select set_config('idle_in_transaction_session_timeout', '10s', true) as a,
               set_config('statement_timeout', '30s', true)                   as b,
               set_config('plan_cache_mode', 'force_generic_plan', true)      as c,
               set_config('enable_seqscan', 'off', true)                      as d,
               set_config('enable_hashjoin', 'off', true)                     as e,
               set_config('enable_mergejoin', 'off', true)                    as f,
               set_config('enable_sort', 'off', true)                         as g,
               set_config('jit', 'off', true)                                 as h
        "#
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Acquires leadership for this transaction, or returns `None` if another transaction holds it.
pub async fn acquire_leadership(connection: &mut PgConnection) -> Result<Option<LastNumbers>, sqlx::Error> {
    look_up_by_key(connection).await?;
    query_as!(
        LastNumbers,
        "select last_event_seq, last_track_id, last_ordinal from eqp.projector for update skip locked"
    )
    .fetch_optional(connection)
    .await
}

/// Waits for leadership and acquires it for this transaction.
pub async fn wait_for_leadership(connection: &mut PgConnection) -> Result<LastNumbers, sqlx::Error> {
    look_up_by_key(connection).await?;
    query!("select set_config('lock_timeout', $1, true) as set", LEADERSHIP_TIMEOUT)
        .fetch_one(&mut *connection)
        .await?;
    query_as!(LastNumbers, "select last_event_seq, last_track_id, last_ordinal from eqp.projector for update")
        .fetch_one(connection)
        .await
}

/// Terminates the connection of a stalled leader, whose process is frozen or disconnected. This rolls back its transaction and
/// releases the leadership. Returns whether there was a stalled leader.
///
/// A working leader sends one query after another, so Postgres never waits long for its next query or for it to read a result.
pub async fn terminate_stalled_leader(pool: &sqlx::PgPool, seconds: f64) -> Result<bool, sqlx::Error> {
    let ended = query_scalar!(
        r#"
        select pg_terminate_backend(activity.pid) as "ended!"
        from eqp.projector
        join pg_locks as held on held.locktype = 'transactionid' and held.granted
                             and held.transactionid = projector.xmax
        join pg_stat_activity as activity on activity.pid = held.pid
        where (activity.state like 'idle in transaction%' or activity.wait_event = 'ClientWrite')
          and activity.state_change < clock_timestamp() - make_interval(secs => $1)
        "#,
        seconds
    )
    .fetch_optional(pool)
    .await?;
    // No row means that no leader is stalled.
    Ok(ended.unwrap_or(false))
}

/// Stores the highest numbers that have been assigned.
pub async fn record(connection: &mut PgConnection, numbers: LastNumbers) -> Result<(), sqlx::Error> {
    query!(
        "update eqp.projector set last_event_seq = $1, last_track_id = $2, last_ordinal = $3",
        numbers.last_event_seq,
        numbers.last_track_id,
        numbers.last_ordinal
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notifies other processes of new events when the transaction commits, with the number of the last one, which must have been stored.
pub async fn announce(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!("select pg_notify('eqp_events', last_event_seq::text) as notified from eqp.projector")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// Returns the `seq` of the newest event.
pub async fn latest_seq(pool: &sqlx::PgPool) -> Result<i64, sqlx::Error> {
    query_scalar!("select last_event_seq from eqp.projector").fetch_one(pool).await
}
