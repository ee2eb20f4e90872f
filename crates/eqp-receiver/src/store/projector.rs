//! Leadership among projectors, and the numbers that the leader gives.

use sqlx::{PgConnection, query, query_as, query_scalar};

use crate::project::Numbers;

/// How long whoever waits for the leadership waits; a projector has it for a moment.
const TURN: &str = "30s";

/// Makes the planner look rows up by their keys, for as long as the transaction lasts.
///
/// Fresh tables have no statistics, and without them the planner likes to read a table from end to end for what is a
/// few thousand look-ups by key; here every join is one from a short list into an index, so that is the only plan that
/// is left to it.
pub(crate) async fn look_up_by_key(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!(
        r#"
        select set_config('idle_in_transaction_session_timeout', '10s', true) as a,
               set_config('statement_timeout', '30s', true)                   as b,
               set_config('plan_cache_mode', 'force_generic_plan', true)      as c,
               set_config('enable_seqscan', 'off', true)                      as d,
               set_config('enable_hashjoin', 'off', true)                     as e,
               set_config('enable_mergejoin', 'off', true)                    as f,
               set_config('jit', 'off', true)                                 as g
        "#
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// Takes the leadership for this transaction; none while another transaction has it.
pub(crate) async fn lead(connection: &mut PgConnection) -> Result<Option<Numbers>, sqlx::Error> {
    look_up_by_key(connection).await?;
    query_as!(Numbers, "select last_event_seq, last_track_id, last_ordinal from eqp.projector for update skip locked")
        .fetch_optional(connection)
        .await
}

/// Takes the leadership for this transaction as soon as whoever has it gives it back.
pub(crate) async fn lead_in_turn(connection: &mut PgConnection) -> Result<Numbers, sqlx::Error> {
    look_up_by_key(connection).await?;
    query!("select set_config('lock_timeout', $1, true) as set", TURN).fetch_one(&mut *connection).await?;
    query_as!(Numbers, "select last_event_seq, last_track_id, last_ordinal from eqp.projector for update")
        .fetch_one(connection)
        .await
}

/// Ends the connection of a leader that does nothing: its process is frozen, or its network is gone. Its transaction is
/// taken back, and the leadership is free. Answers whether there was one.
///
/// A leader asks one thing after the other, so that Postgres never waits for it for long: neither for the next
/// question, nor for it to take an answer.
pub(crate) async fn unseat_frozen(pool: &sqlx::PgPool, seconds: f64) -> Result<bool, sqlx::Error> {
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
    Ok(ended.unwrap_or_default())
}

/// Records the last numbers that were given.
pub(crate) async fn record(connection: &mut PgConnection, numbers: Numbers) -> Result<(), sqlx::Error> {
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

/// Tells other processes, once the transaction commits, that there are events.
pub(crate) async fn announce(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!("select pg_notify('eqp_events', '') as told").fetch_one(connection).await?;
    Ok(())
}

/// The `seq` of the newest event.
pub(crate) async fn latest_seq(pool: &sqlx::PgPool) -> Result<i64, sqlx::Error> {
    query_scalar!("select last_event_seq from eqp.projector").fetch_one(pool).await
}
