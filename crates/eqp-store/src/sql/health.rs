//! The state of an installation: the database, its receivers and endpoints. Only reads.

use sqlx::{PgConnection, query, query_as};

use super::column::account;
use crate::model::{ComparedRegistration, DatabaseFacts, Durability, EndpointState, ReceiverState};

/// The age of a heartbeat from which on a receiver counts as stopped, in seconds. It has several heartbeats in this time.
const STOPPED_AFTER: f64 = 30.0;

/// Returns the facts about the database.
pub async fn database(connection: &mut PgConnection) -> Result<DatabaseFacts, sqlx::Error> {
    let row = query!(
        r#"
        select current_setting('server_version') as "version!", now() as "now!",
               pg_database_size(current_database()) as "size!",
               (select id from eqp.instance) as "instance?"
        "#
    )
    .fetch_one(&mut *connection)
    .await?;
    // Not checked at compile time, because sqlx itself creates this table.
    let migration: i64 = sqlx::query_scalar("select coalesce(max(version), 0) from eqp._sqlx_migrations where success")
        .fetch_one(connection)
        .await?;
    Ok(DatabaseFacts {
        version: row.version,
        now: row.now,
        size_bytes: row.size.unsigned_abs(),
        migration,
        instance: row.instance,
    })
}

/// Returns what decides whether a committed transaction can be lost.
pub async fn durability(connection: &mut PgConnection) -> Result<Durability, sqlx::Error> {
    query_as!(
        Durability,
        r#"
        select current_setting('fsync')::boolean as "has_fsync!",
               current_setting('synchronous_commit') as "synchronous_commit!",
               current_setting('synchronous_standby_names') <> '' as "has_synchronous_standbys!",
               (select count(*) from pg_stat_replication) as "replicas!"
        "#
    )
    .fetch_one(connection)
    .await
}

/// The privileges without which callbacks are not stored or projected, or commands fail.
const NEEDED: &[(&str, &str)] = &[
    ("callback", "insert"),
    ("callback_pending", "insert"),
    ("credential", "select"),
    ("event", "insert"),
    ("track", "update"),
    ("projector", "update"),
    ("receiver", "insert"),
    ("api_read", "select"),
    ("delivery", "insert"),
    ("alert", "select"),
    ("audit", "insert"),
    ("canary", "insert"),
];

/// Returns the role of the connection, and which of the privileges that a server needs it lacks, such as `insert on eqp.event`.
pub async fn missing_privileges(connection: &mut PgConnection) -> Result<(String, Vec<String>), sqlx::Error> {
    let (tables, privileges): (Vec<String>, Vec<String>) =
        NEEDED.iter().map(|(table, right)| (format!("eqp.{table}"), (*right).to_owned())).unzip();
    let row = query!(
        r#"
        select current_user::text as "role!",
               array(select required.privilege || ' on ' || required.name
                     from unnest($1::text[], $2::text[]) as required (name, privilege)
                     where not has_table_privilege(required.name, required.privilege)) as "missing!"
        "#,
        &tables,
        &privileges
    )
    .fetch_one(connection)
    .await?;
    Ok((row.role, row.missing))
}

/// Returns the receivers of the last hour, those that are running first.
pub async fn receivers(connection: &mut PgConnection) -> Result<Vec<ReceiverState>, sqlx::Error> {
    let rows = query!(
        r#"
        select id, heartbeat_at, certificate_expires_at, spool_oldest_at, spool_callbacks, version,
               heartbeat_at > now() - make_interval(secs => $1) as "is_running!"
        from eqp.receiver
        order by heartbeat_at desc
        limit 100
        "#,
        STOPPED_AFTER
    )
    .fetch_all(connection)
    .await?;
    let receivers = rows.into_iter().map(|row| ReceiverState {
        id: row.id,
        heartbeat_at: row.heartbeat_at,
        is_running: row.is_running,
        certificate_expires_at: row.certificate_expires_at,
        spool_callbacks: row.spool_callbacks.unsigned_abs(),
        spool_oldest_at: row.spool_oldest_at,
        version: row.version,
    });
    Ok(receivers.collect())
}

/// Returns the endpoints in use, by name.
pub async fn endpoints(connection: &mut PgConnection) -> Result<Vec<EndpointState>, sqlx::Error> {
    let rows = query!(
        r#"
        select endpoint.name, environment, mage_id, public_url,
               (select max(last_used_at) from eqp.credential where endpoint_id = endpoint.id) as last_callback_at,
               checked.state as "state?", checked.consistent as "consistent?", checked.since as "since?",
               checked.checked_at as "checked_at?"
        from eqp.endpoint
        join eqp.account on account.id = endpoint.account_id
        left join eqp.registration_check as checked on checked.endpoint_id = endpoint.id
        where endpoint.retired_at is null
        order by endpoint.name
        limit 1000
        "#
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            let compared = row.state.zip(row.consistent).zip(row.since.zip(row.checked_at));
            Ok(EndpointState {
                name: row.name,
                environment,
                mage_id,
                public_url: row.public_url,
                last_callback_at: row.last_callback_at,
                registration: compared.map(|((state, is_consistent), (since, checked_at))| ComparedRegistration {
                    state,
                    is_consistent,
                    since,
                    checked_at,
                }),
            })
        })
        .collect()
}
