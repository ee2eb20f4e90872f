//! `eqp.subscription` and `eqp.subscription_state`. Every change increments the generation, which locks the fan-out first.

use std::time::Duration;

use sqlx::{PgConnection, PgExecutor, PgPool, query, query_scalar};
use time::OffsetDateTime;

use super::column::read;
use super::signing_secret;
use crate::model::{
    BreakerChange, DeliveryCounts, NewSubscription, SealedHandlerSecrets, SealedSecret, StoredBreaker, StoredFallback,
    StoredSubscription, SubscriptionId,
};

/// Creates a subscription, which receives the events that are recorded from now on, or since a time before. Returns `None` if the name is
/// in use.
pub async fn insert(
    connection: &mut PgConnection,
    new: &NewSubscription,
    sealed: Option<&SealedSecret>,
) -> Result<Option<SubscriptionId>, sqlx::Error> {
    query!("update eqp.fanout set generation = generation + 1").execute(&mut *connection).await?;
    insert_locked(connection, new, sealed).await
}

/// Creates a subscription in a transaction that has locked the fan-out. Returns `None` if the name is in use.
pub async fn insert_locked(
    connection: &mut PgConnection,
    new: &NewSubscription,
    sealed: Option<&SealedSecret>,
) -> Result<Option<SubscriptionId>, sqlx::Error> {
    let id = query_scalar!(
        r#"
        insert into eqp.subscription (name, filter, handler, order_hold, declared_by, key_id, nonce, ciphertext, fallback_for,
                                      fallback_after, temporary)
        values ($1, $2::text::jsonb, $3::text::jsonb, make_interval(secs => $4), $5, $6, $7, $8, $9,
                coalesce(make_interval(secs => $10), interval '5 minutes'), $11)
        on conflict (name) where removed_at is null do nothing
        returning id
        "#,
        new.name,
        new.filter,
        new.handler,
        new.order_hold.map(|hold| hold.as_secs_f64()) as Option<f64>,
        new.declared_by,
        sealed.map(|sealed| sealed.key_id.as_slice()),
        sealed.map(|sealed| sealed.nonce.as_slice()),
        sealed.map(|sealed| sealed.ciphertext.as_slice()),
        new.fallback.map(|(subscription, _)| subscription.0) as Option<i32>,
        new.fallback.map(|(_, after)| after.as_secs_f64()) as Option<f64>,
        new.is_temporary,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(id) = id else { return Ok(None) };
    // With a position of its own, it catches up like a subscription that was paused. Without `offset 0`, Postgres would read all events
    // in the order of their number.
    query!(
        r#"
        insert into eqp.subscription_state (subscription_id, cursor_seq, alert_cursor)
        select $1,
               case when $2::timestamptz is not null then least(cursor_seq, (
                   select min(seq) - 1 from (select seq from eqp.event where received_at >= $2 offset 0) as recent)) end,
               case when $2::timestamptz is not null then least(alert_cursor, (
                   select min(number) - 1 from eqp.alert_change where at >= $2)) end
        from eqp.fanout
        "#,
        id,
        new.since as Option<OffsetDateTime>,
    )
    .execute(connection)
    .await?;
    Ok(Some(SubscriptionId(id)))
}

/// Returns all subscriptions that are not removed, ordered by name, without their secrets.
pub async fn list(connection: &mut PgConnection) -> Result<Vec<StoredSubscription>, sqlx::Error> {
    select(connection, None).await
}

/// Returns the subscription with this name, or `None` if it does not exist.
pub async fn find(connection: &mut PgConnection, name: &str) -> Result<Option<StoredSubscription>, sqlx::Error> {
    Ok(select(connection, Some(name)).await?.pop())
}

async fn select(connection: &mut PgConnection, name: Option<&str>) -> Result<Vec<StoredSubscription>, sqlx::Error> {
    let rows = query!(
        r#"
        select subscription.id, subscription.name, subscription.filter::text as "filter!",
               subscription.handler::text as "handler!", extract(epoch from subscription.order_hold)::float8 as order_hold,
               first.id as "fallback_for?", first.name as "fallback_name?",
               extract(epoch from subscription.fallback_after)::float8 as "fallback_after!",
               subscription.declared_by, subscription.created_at, subscription.updated_at, state, paused_at, paused_reason,
               paused_by_program, cursor_seq, failures, failing_since, open_until, subscription.temporary, fetched_at,
               (select greatest(last_event_seq - cursor_seq, 0) from eqp.projector) as unmatched
        from eqp.subscription
        join eqp.subscription_state on subscription_id = subscription.id
        left join eqp.subscription as first on first.id = subscription.fallback_for
        where subscription.removed_at is null and ($1::text is null or subscription.name = $1)
        order by subscription.name
        "#,
        name as Option<&str>,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StoredSubscription {
                id: SubscriptionId(row.id),
                name: row.name,
                filter: row.filter,
                handler: row.handler,
                order_hold: row.order_hold.map(seconds),
                fallback: row.fallback_for.zip(row.fallback_name).map(|(id, name)| StoredFallback {
                    subscription: SubscriptionId(id),
                    name,
                    after: seconds(row.fallback_after),
                }),
                declared_by: row.declared_by,
                created_at: row.created_at,
                updated_at: row.updated_at,
                state: read(&row.state)?,
                paused_at: row.paused_at,
                paused_reason: row.paused_reason,
                is_paused_by_program: row.paused_by_program,
                cursor_seq: row.cursor_seq,
                unmatched: row.unmatched.unwrap_or_default().unsigned_abs(),
                failures: row.failures.unsigned_abs(),
                failing_since: row.failing_since,
                open_until: row.open_until,
                is_temporary: row.temporary,
                fetched_at: row.fetched_at,
            })
        })
        .collect()
}

/// Returns the sealed secrets of a subscription's handler.
pub async fn secrets(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
) -> Result<SealedHandlerSecrets, sqlx::Error> {
    let row = query!(
        r#"
        select key_id, nonce, ciphertext, signing_retired_at is not null as "is_signing_retired!"
        from eqp.subscription
        where id = $1
        "#,
        subscription.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(SealedHandlerSecrets::default()) };
    let initial = row.key_id.zip(row.nonce).zip(row.ciphertext);
    Ok(SealedHandlerSecrets {
        initial: initial.map(|((key_id, nonce), ciphertext)| SealedSecret { key_id, nonce, ciphertext }),
        is_initial_signing_retired: row.is_signing_retired,
        signing: signing_secret::of(connection, subscription).await?,
    })
}

/// Returns whether the role of the connection may read the secrets of handlers.
pub async fn may_read_secrets(pool: &PgPool) -> Result<bool, sqlx::Error> {
    query_scalar!(r#"select has_column_privilege('eqp.subscription', 'ciphertext', 'select') as "may!" "#)
        .fetch_one(pool)
        .await
}

/// Counts the deliveries of a subscription.
pub async fn counts(pool: &PgPool, subscription: SubscriptionId) -> Result<DeliveryCounts, sqlx::Error> {
    let row = query!(
        r#"
        select count(*) filter (where dead_at is null) as "waiting!", count(*) filter (where dead_at is not null) as "dead!",
               min(created_at) filter (where dead_at is null) as oldest_waiting_at
        from eqp.delivery
        where subscription_id = $1
        "#,
        subscription.0
    )
    .fetch_one(pool)
    .await?;
    Ok(DeliveryCounts {
        waiting: row.waiting.unsigned_abs(),
        dead: row.dead.unsigned_abs(),
        oldest_waiting_at: row.oldest_waiting_at,
    })
}

/// Pauses a subscription, which keeps its position. Returns false if it was paused already. If not a person but the program pauses it,
/// that opens an alert.
pub async fn pause(
    executor: impl PgExecutor<'_>,
    subscription: SubscriptionId,
    reason: &str,
    by_program: bool,
) -> Result<bool, sqlx::Error> {
    let paused = query!(
        r#"
        with position as (
            update eqp.fanout set generation = generation + 1 returning cursor_seq, alert_cursor)
        update eqp.subscription_state as state
        set state = 'paused', paused_at = now(), paused_reason = $2, paused_by_program = $3,
            cursor_seq = coalesce(state.cursor_seq, position.cursor_seq),
            alert_cursor = coalesce(state.alert_cursor, position.alert_cursor)
        from position
        where state.subscription_id = $1 and state.state = 'active'
        "#,
        subscription.0,
        reason,
        by_program,
    )
    .execute(executor)
    .await?;
    Ok(paused.rows_affected() > 0)
}

/// Resumes a subscription: it catches up from its position, and its circuit breaker is closed. Returns false if it was not paused.
pub async fn resume(executor: impl PgExecutor<'_>, subscription: SubscriptionId) -> Result<bool, sqlx::Error> {
    let resumed = query!(
        r#"
        with position as (update eqp.fanout set generation = generation + 1 returning 1)
        update eqp.subscription_state as state
        set state = 'active', paused_at = null, paused_reason = null, paused_by_program = false, failures = 0,
            failing_since = null, open_until = null, recovering = true
        from position
        where state.subscription_id = $1 and state.state = 'paused'
        "#,
        subscription.0,
    )
    .execute(executor)
    .await?;
    Ok(resumed.rows_affected() > 0)
}

/// Removes a subscription, whose fallbacks take its place. Its deliveries are deleted by the sweep. Returns false if it was removed
/// already.
pub async fn remove(connection: &mut PgConnection, subscription: SubscriptionId) -> Result<bool, sqlx::Error> {
    query!("update eqp.fanout set generation = generation + 1").execute(&mut *connection).await?;
    query!(
        r#"
        update eqp.subscription as fallback
        set fallback_for = removed.fallback_for, updated_at = now()
        from eqp.subscription as removed
        where removed.id = $1 and fallback.fallback_for = removed.id
        "#,
        subscription.0
    )
    .execute(&mut *connection)
    .await?;
    // Its secrets are no longer needed.
    let removed = query!(
        r#"
        update eqp.subscription set removed_at = now(), key_id = null, nonce = null, ciphertext = null
        where id = $1 and removed_at is null
        "#,
        subscription.0
    )
    .execute(&mut *connection)
    .await?;
    query!("delete from eqp.signing_secret where subscription_id = $1", subscription.0)
        .execute(&mut *connection)
        .await?;
    query!(
        r#"
        update eqp.subscription_state
        set state = 'paused', paused_at = coalesce(paused_at, now()), paused_reason = 'removed'
        where subscription_id = $1
        "#,
        subscription.0
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected() > 0)
}

/// Locks the circuit breakers of subscriptions whose attempts failed, and of those that had failed before and now succeeded.
pub async fn lock_breakers(
    connection: &mut PgConnection,
    failed: &[SubscriptionId],
    succeeded: &[SubscriptionId],
) -> Result<Vec<StoredBreaker>, sqlx::Error> {
    let ids = |of: &[SubscriptionId]| of.iter().map(|id| id.0).collect::<Vec<_>>();
    let rows = query!(
        r#"
        select subscription_id, failures, open_until is not null as "is_open!",
               extract(epoch from now() - failing_since)::float8 as failing_for
        from eqp.subscription_state
        where subscription_id = any($1) or (subscription_id = any($2) and failures > 0)
        order by subscription_id
        for update
        "#,
        &ids(failed),
        &ids(succeeded),
    )
    .fetch_all(connection)
    .await?;
    let breakers = rows.into_iter().map(|row| StoredBreaker {
        subscription: SubscriptionId(row.subscription_id),
        failures: row.failures.unsigned_abs(),
        failing_for: row.failing_for.map_or(Duration::ZERO, seconds),
        is_open: row.is_open,
    });
    Ok(breakers.collect())
}

/// Changes locked circuit breakers. The time during which one was open does not count as time for which a delivery held back others.
pub async fn change_breakers(connection: &mut PgConnection, changes: &[BreakerChange]) -> Result<(), sqlx::Error> {
    let recovered: Vec<i32> =
        changes.iter().filter(|change| change.has_recovered).map(|change| change.subscription.0).collect();
    if !recovered.is_empty() {
        query!(
            r#"
            update eqp.delivery
            set hold_until = hold_until + (now() - state.failing_since)
            from eqp.subscription_state as state
            where state.subscription_id = any($1) and delivery.subscription_id = state.subscription_id
              and delivery.retry_at is not null and delivery.hold_until is not null
            "#,
            &recovered
        )
        .execute(&mut *connection)
        .await?;
    }
    let subscriptions: Vec<_> = changes.iter().map(|change| change.subscription.0).collect();
    let failures: Vec<_> = changes.iter().map(|change| i32::try_from(change.failures).unwrap_or(i32::MAX)).collect();
    let open: Vec<_> = changes.iter().map(|change| change.open_for.map(|wait| wait.as_secs_f64())).collect();
    let recovering: Vec<_> = changes.iter().map(|change| change.has_recovered).collect();
    query!(
        r#"
        update eqp.subscription_state as state
        set failures = new.failures,
            failing_since = case when new.failures > 0 then coalesce(failing_since, now()) end,
            open_until = now() + make_interval(secs => new.open_for),
            recovering = state.recovering or new.recovering
        from unnest($1::integer[], $2::integer[], $3::float8[], $4::boolean[])
             as new (subscription_id, failures, open_for, recovering)
        where state.subscription_id = new.subscription_id
        "#,
        &subscriptions,
        &failures,
        &open as &[Option<f64>],
        &recovering,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Converts seconds that Postgres computed.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
