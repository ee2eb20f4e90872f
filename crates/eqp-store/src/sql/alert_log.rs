//! `eqp.alert_log` and `eqp.alert_change`: the log of what happened to alerts, whose numbers are in the order of commits.

use sqlx::{PgConnection, PgPool, query, query_scalar};
use time::OffsetDateTime;

use super::column::read;
use crate::model::{NewAlertChange, StoredAlertChange};

/// The time after which Postgres ends a transaction that holds the lock and does nothing, because its process is frozen.
const MAX_IDLE: &str = "1min";

/// Makes this transaction the only one that changes alerts. Returns false if another one is at it.
pub async fn try_lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    limit_idle_time(&mut *connection).await?;
    let locked = query_scalar!("select last_number from eqp.alert_log for update skip locked")
        .fetch_optional(connection)
        .await?;
    Ok(locked.is_some())
}

/// Makes this transaction the only one that changes alerts, after another one has ended.
pub async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    limit_idle_time(&mut *connection).await?;
    query_scalar!("select last_number from eqp.alert_log for update").fetch_one(connection).await.map(drop)
}

async fn limit_idle_time(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query!("select set_config('idle_in_transaction_session_timeout', $1, true)", MAX_IDLE)
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Adds a change to the log, and returns its number.
pub async fn append(connection: &mut PgConnection, change: &NewAlertChange<'_>) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        with log as (
            update eqp.alert_log set last_number = last_number + 1 returning last_number
        )
        insert into eqp.alert_change (number, alert_id, change, at, changed_by, note, data, severity, notify_after)
        select last_number, $1, $2, $3, $4, $5, $6::text::jsonb, $7, $8 from log
        returning number
        "#,
        change.alert,
        change.change.as_str(),
        change.at,
        change.by,
        change.note,
        change.data,
        change.severity.as_str(),
        change.notify_after,
    )
    .fetch_one(connection)
    .await
}

/// Returns when the last update of an alert was added to the log.
pub async fn last_update(connection: &mut PgConnection, alert: i64) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    query_scalar!("select max(at) from eqp.alert_change where alert_id = $1 and change = 'updated'", alert)
        .fetch_one(connection)
        .await
}

/// Returns the changes of an alert, oldest first, at most 1,000.
pub async fn of_alert(pool: &PgPool, alert: i64) -> Result<Vec<StoredAlertChange>, sqlx::Error> {
    let rows = query!(
        r#"
        select number, alert_id, change, at, changed_by, note, data::text as "data!", severity, notify_after
        from (select * from eqp.alert_change where alert_id = $1 order by number desc limit 1000) as newest
        order by number
        "#,
        alert
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StoredAlertChange {
                number: row.number,
                alert: row.alert_id,
                change: read(&row.change)?,
                at: row.at,
                by: row.changed_by,
                note: row.note,
                data: row.data,
                severity: read(&row.severity)?,
                notify_after: row.notify_after,
            })
        })
        .collect()
}

/// Deletes alerts that were resolved before this time, with their changes, and reminders from before it. At most 1,000 of each,
/// so that a transaction is short.
pub async fn delete_before(connection: &mut PgConnection, before: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let alerts = query!(
        "delete from eqp.alert where id in (select id from eqp.alert where resolved_at < $1 order by resolved_at limit 1000)",
        before
    )
    .execute(&mut *connection)
    .await?;
    query!(
        r#"
        delete from eqp.alert_change
        where number in (select number from eqp.alert_change where alert_id is null and at < $1 order by at limit 1000)
        "#,
        before
    )
    .execute(connection)
    .await?;
    Ok(alerts.rows_affected())
}
