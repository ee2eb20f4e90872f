//! The facts about the channel, the receivers, the data and the deliveries from which alerts are derived. Only reads.

use sqlx::{PgConnection, PgPool, query};
use time::OffsetDateTime;

use super::column::timestamp;
use crate::model::{
    AccountId, DeadDeliveries, DoubtfulClock, DriftingRegistration, MissedCallbacks, PausedSubscription, ReceiverFacts,
    RejectedSeries, SubscriptionId, UnknownEventCode, UnprovenEndpoint,
};

/// The number of the newest callbacks with an unknown event code that are counted.
const UNKNOWN_CALLBACKS: i64 = 1_000;

/// Returns the missed callbacks of each account since a time.
pub async fn missed_callbacks(
    connection: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<Vec<MissedCallbacks>, sqlx::Error> {
    let rows = query!(
        r#"
        select missed.account_id as "account_id!", missed.callbacks as "callbacks!", missed.first_found_at as "first_found_at!",
               missed.last_found_at as "last_found_at!", missed.last_decided_at as "last_decided_at!",
               used.last_callback_at, used.endpoints as "endpoints!", used.silent as "silent!"
        from (
            select missing.account_id, count(*) as callbacks, min(missing.found_at) as first_found_at,
                   max(missing.found_at) as last_found_at, max(missing.decided_at) as last_decided_at
            from eqp.missing_callback as missing
            where missing.decision = 'missed' and missing.callback_id is null and missing.found_at >= $1
              and missing.decided_at > coalesce((
                  select max(resolved_at)
                  from eqp.alert
                  where kind = 'callbacks_missed' and account_id = missing.account_id and resolved_at is not null
              ), '-infinity')
            group by missing.account_id
        ) as missed
        cross join lateral (
            select max(last_used_at) as last_callback_at, count(*) filter (where is_registered) as endpoints,
                   count(*) filter (
                       where is_registered and coalesce(last_used_at < missed.first_found_at, true)
                   ) as silent
            from (
                select max(credential.last_used_at) as last_used_at,
                       bool_or(credential.state = 'active') and bool_and(endpoint.retired_at is null) as is_registered
                from eqp.endpoint
                join eqp.credential on credential.endpoint_id = endpoint.id
                where endpoint.account_id = missed.account_id
                group by endpoint.id
            ) as of_endpoint
        ) as used
        "#,
        since
    )
    .fetch_all(connection)
    .await?;
    let missed = rows.into_iter().map(|row| MissedCallbacks {
        account: AccountId(row.account_id),
        callbacks: row.callbacks.unsigned_abs(),
        first_found_at: row.first_found_at,
        last_found_at: row.last_found_at,
        last_decided_at: row.last_decided_at,
        last_callback_at: row.last_callback_at,
        endpoints: row.endpoints.unsigned_abs(),
        silent_endpoints: row.silent.unsigned_abs(),
    });
    Ok(missed.collect())
}

/// Returns the rejected callbacks of each endpoint in use.
pub async fn rejected_callbacks(connection: &mut PgConnection) -> Result<Vec<RejectedSeries>, sqlx::Error> {
    let rows = query!(
        r#"
        select endpoint.account_id, endpoint.name, requests, first_at, last_at,
               (select greatest(max(last_used_at), max(active_since))
                from eqp.credential where endpoint_id = endpoint.id) as repaired_at
        from eqp.rejected_callback
        join eqp.endpoint on endpoint.id = endpoint_id
        where endpoint.retired_at is null
        "#
    )
    .fetch_all(connection)
    .await?;
    let series = rows.into_iter().map(|row| RejectedSeries {
        account: AccountId(row.account_id),
        endpoint: row.name,
        requests: row.requests.unsigned_abs(),
        first_at: row.first_at,
        last_at: row.last_at,
        repaired_at: row.repaired_at,
    });
    Ok(series.collect())
}

/// Returns the registrations that are not as they should be.
pub async fn drifting_registrations(connection: &mut PgConnection) -> Result<Vec<DriftingRegistration>, sqlx::Error> {
    let rows = query!(
        r#"
        select endpoint.account_id, endpoint.name, state, since
        from eqp.registration_check
        join eqp.endpoint on endpoint.id = endpoint_id
        where not consistent
        "#
    )
    .fetch_all(connection)
    .await?;
    let drifting = rows.into_iter().map(|row| DriftingRegistration {
        account: AccountId(row.account_id),
        endpoint: row.name,
        state: row.state,
        since: row.since,
    });
    Ok(drifting.collect())
}

/// Returns what the receivers report that had a heartbeat in the last `seconds`.
pub async fn running_receivers(connection: &mut PgConnection, seconds: f64) -> Result<Vec<ReceiverFacts>, sqlx::Error> {
    let rows = query!(
        r#"
        select certificate_expires_at, spool_oldest_at, spool_callbacks
        from eqp.receiver
        where heartbeat_at > now() - make_interval(secs => $1)
        "#,
        seconds
    )
    .fetch_all(connection)
    .await?;
    let facts = rows.into_iter().map(|row| ReceiverFacts {
        certificate_expires_at: row.certificate_expires_at,
        spool_oldest_at: row.spool_oldest_at,
        spool_callbacks: row.spool_callbacks.unsigned_abs(),
    });
    Ok(facts.collect())
}

/// Returns the newest report with a doubtful time of each account, if it was received since a time.
pub async fn doubtful_clocks(
    connection: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<Vec<DoubtfulClock>, sqlx::Error> {
    let rows = query!(
        r#"
        select account.id as "account_id!", doubtful.modified_at, doubtful.received_at as "received_at!",
               exists (select from eqp.event
                       where event.account_id = account.id and event.seq > doubtful.seq
                         and event.modified_at is not null and not event.clock_doubtful) as "is_followed!"
        from eqp.account
        cross join lateral (
            select seq, modified_at, received_at
            from eqp.event
            where event.account_id = account.id and clock_doubtful and received_at >= $1
            order by received_at desc
            limit 1
        ) as doubtful
        "#,
        since
    )
    .fetch_all(connection)
    .await?;
    let doubtful = rows.into_iter().map(|row| DoubtfulClock {
        account: AccountId(row.account_id),
        modified_at: timestamp(row.modified_at),
        received_at: row.received_at,
        is_followed: row.is_followed,
    });
    Ok(doubtful.collect())
}

/// Returns the unknown event codes of the newest callbacks that have one, if they were received since a time.
pub async fn unknown_event_codes(
    connection: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<Vec<UnknownEventCode>, sqlx::Error> {
    let rows = query!(
        r#"
        select account_id as "account_id!", reason as "reason!", count(*) as "callbacks!", min(received_at) as "first_at!",
               max(received_at) as "last_at!"
        from (select account_id, left(reason, 100) as reason, received_at
              from eqp.event
              where kind = 'unknown' and reason is not null
              order by seq desc
              limit $2) as newest
        where received_at >= $1
        group by account_id, reason
        "#,
        since,
        UNKNOWN_CALLBACKS
    )
    .fetch_all(connection)
    .await?;
    let codes = rows.into_iter().map(|row| UnknownEventCode {
        account: AccountId(row.account_id),
        code: row.reason,
        callbacks: row.callbacks.unsigned_abs(),
        first_at: row.first_at,
        last_at: row.last_at,
    });
    Ok(codes.collect())
}

/// Returns the registered endpoints at which no callback has ever arrived, at most 100.
pub async fn unproven_endpoints(pool: &PgPool) -> Result<Vec<UnprovenEndpoint>, sqlx::Error> {
    let rows = query!(
        r#"
        select endpoint.name, min(credential.active_since) as "registered_at!"
        from eqp.endpoint
        join eqp.credential on credential.endpoint_id = endpoint.id
        where endpoint.retired_at is null
        group by endpoint.id
        having bool_or(credential.state = 'active') and max(credential.first_used_at) is null
           and min(credential.active_since) is not null
        order by endpoint.name
        limit 100
        "#
    )
    .fetch_all(pool)
    .await?;
    let unproven = |name, registered_at| UnprovenEndpoint { endpoint: name, registered_at };
    Ok(rows.into_iter().map(|row| unproven(row.name, row.registered_at)).collect())
}

/// Returns the subscriptions with events or digests whose delivery failed for good.
pub async fn dead_deliveries(connection: &mut PgConnection) -> Result<Vec<DeadDeliveries>, sqlx::Error> {
    let rows = query!(
        r#"
        select subscription.id, subscription.name, dead.deliveries as "deliveries!", dead.first_at as "first_at!",
               dead.last_at as "last_at!"
        from (select subscription_id, count(*) as deliveries, min(dead_at) as first_at, max(dead_at) as last_at
              from eqp.delivery
              -- Those of alerts are not counted: an alert about them would be another one.
              where dead_at is not null and source in ('event', 'digest')
              group by subscription_id) as dead
        join eqp.subscription on subscription.id = dead.subscription_id and removed_at is null
        "#
    )
    .fetch_all(connection)
    .await?;
    let dead = rows.into_iter().map(|row| DeadDeliveries {
        subscription: SubscriptionId(row.id),
        name: row.name,
        deliveries: row.deliveries.unsigned_abs(),
        first_at: row.first_at,
        last_at: row.last_at,
    });
    Ok(dead.collect())
}

/// Returns the subscriptions that the program has paused.
pub async fn paused_subscriptions(connection: &mut PgConnection) -> Result<Vec<PausedSubscription>, sqlx::Error> {
    let rows = query!(
        r#"
        select id, name, paused_at as "paused_at!", coalesce(paused_reason, '') as "reason!"
        from eqp.subscription
        join eqp.subscription_state on subscription_id = id
        where state = 'paused' and paused_by_program and removed_at is null
        "#
    )
    .fetch_all(connection)
    .await?;
    let paused = rows.into_iter().map(|row| PausedSubscription {
        subscription: SubscriptionId(row.id),
        name: row.name,
        reason: row.reason,
        since: row.paused_at,
    });
    Ok(paused.collect())
}
