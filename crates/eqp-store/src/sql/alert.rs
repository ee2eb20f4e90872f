//! `eqp.alert`: conditions that a person should know about. Every function that changes it needs the lock of `alert_log`.

use std::collections::HashMap;

use sqlx::{PgConnection, PgExecutor, PgPool, query, query_as, query_scalar};
use time::OffsetDateTime;

use super::column::read;
use crate::model::{AccountId, AlertCounts, AlertSeverity, AlertSubject, StoredAlert};

/// The most alerts that a list contains.
const LIMIT: i64 = 1_000;
/// The most alerts that are open at a time.
const MOST_OPEN: i64 = 1_000_000;

/// A row with the account of the alert and its newest note.
struct Row {
    id: i64,
    kind: String,
    severity: String,
    account_id: Option<i64>,
    environment: Option<String>,
    mage_id: Option<String>,
    key: String,
    data: String,
    opened_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    updates: i64,
    acknowledged_at: Option<OffsetDateTime>,
    acknowledged_by: Option<String>,
    snoozed_until: Option<OffsetDateTime>,
    reminded_at: Option<OffsetDateTime>,
    resolved_at: Option<OffsetDateTime>,
    resolved_by: Option<String>,
    note: Option<String>,
}

impl Row {
    fn read(self) -> Result<StoredAlert, sqlx::Error> {
        Ok(StoredAlert {
            id: self.id,
            subject: AlertSubject { kind: self.kind, account: self.account_id.map(AccountId), key: self.key },
            environment: self.environment.as_deref().map(read).transpose()?,
            mage_id: self.mage_id.as_deref().map(read).transpose()?,
            severity: read(&self.severity)?,
            data: self.data,
            opened_at: self.opened_at,
            updated_at: self.updated_at,
            updates: self.updates,
            acknowledged_at: self.acknowledged_at,
            acknowledged_by: self.acknowledged_by,
            snoozed_until: self.snoozed_until,
            reminded_at: self.reminded_at,
            resolved_at: self.resolved_at,
            resolved_by: self.resolved_by,
            note: self.note,
        })
    }
}

/// Returns alerts, the most urgent first and then the oldest: with an ID, that one; with a time, those that are open or were
/// resolved since then; otherwise those that are open.
async fn select(
    executor: impl PgExecutor<'_>,
    id: Option<i64>,
    resolved_since: Option<OffsetDateTime>,
    limit: i64,
) -> Result<Vec<StoredAlert>, sqlx::Error> {
    let rows = query_as!(
        Row,
        r#"
        select alert.id as "id!", kind as "kind!", severity as "severity!", alert.account_id,
               account.environment as "environment?", account.mage_id as "mage_id?", key as "key!", data::text as "data!",
               opened_at as "opened_at!", updated_at as "updated_at!", updates as "updates!",
               acknowledged_at, acknowledged_by, snoozed_until,
               reminded_at, resolved_at, resolved_by, note.note as "note?"
        from (select * from eqp.alert where id = $1
              union all
              select * from eqp.alert where $1::bigint is null and resolved_at is null
              union all
              (select * from eqp.alert where $1::bigint is null and resolved_at >= $2
               order by resolved_at desc, id desc limit $3)) as alert
        left join eqp.account on account.id = alert.account_id
        left join lateral (
            select note from eqp.alert_change where alert_id = alert.id and note is not null order by number desc limit 1
        ) as note on true
        order by resolved_at desc nulls first, array_position(array['page', 'ticket', 'info'], severity), opened_at, alert.id
        limit $3
        "#,
        id,
        resolved_since,
        limit
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Returns the open alerts, at most 1,000.
pub async fn open_ones(executor: impl PgExecutor<'_>) -> Result<Vec<StoredAlert>, sqlx::Error> {
    select(executor, None, None, LIMIT).await
}

/// Returns the open alerts to compare with the conditions that hold. An alert that is missing here would be opened again.
pub async fn all_open(executor: impl PgExecutor<'_>) -> Result<Vec<StoredAlert>, sqlx::Error> {
    select(executor, None, None, MOST_OPEN).await
}

/// Returns the open alerts and those that were resolved since a time, at most 1,000.
pub async fn since(pool: &PgPool, since: OffsetDateTime) -> Result<Vec<StoredAlert>, sqlx::Error> {
    select(pool, None, Some(since), LIMIT).await
}

/// Returns one alert.
pub async fn get(executor: impl PgExecutor<'_>, id: i64) -> Result<Option<StoredAlert>, sqlx::Error> {
    Ok(select(executor, Some(id), None, 1).await?.pop())
}

/// Counts the alerts; resolved ones since a time.
pub async fn counts(pool: &PgPool, since: OffsetDateTime) -> Result<AlertCounts, sqlx::Error> {
    let row = query!(
        r#"
        select (select count(*) from eqp.alert where resolved_at is null and acknowledged_at is null) as "open!",
               (select count(*) from eqp.alert where resolved_at is null and acknowledged_at is not null) as "acknowledged!",
               (select count(*) from eqp.alert where resolved_at >= $1) as "resolved!"
        "#,
        since
    )
    .fetch_one(pool)
    .await?;
    let [open, acknowledged, resolved] = [row.open, row.acknowledged, row.resolved].map(i64::unsigned_abs);
    Ok(AlertCounts { open, acknowledged, resolved })
}

/// Returns when a person last resolved an alert about each condition for which one did since a time.
pub async fn resolved_by_persons(
    connection: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<HashMap<AlertSubject, OffsetDateTime>, sqlx::Error> {
    let rows = query!(
        r#"
        select kind, account_id, key, max(resolved_at) as "resolved_at!"
        from eqp.alert
        where resolved_at >= $1 and resolved_by is not null
        group by kind, account_id, key
        "#,
        since
    )
    .fetch_all(connection)
    .await?;
    let entry = |kind, account: Option<i64>, key, at| (AlertSubject { kind, account: account.map(AccountId), key }, at);
    Ok(rows.into_iter().map(|row| entry(row.kind, row.account_id, row.key, row.resolved_at)).collect())
}

/// Opens an alert and returns its ID.
pub async fn open(
    connection: &mut PgConnection,
    subject: &AlertSubject,
    severity: AlertSeverity,
    data: &str,
    at: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        insert into eqp.alert (kind, severity, account_id, key, data, opened_at, updated_at)
        values ($1, $2, $3, $4, $5::text::jsonb, $6, $6)
        returning id
        "#,
        subject.kind,
        severity.as_str(),
        subject.account.map(|account| account.0),
        subject.key,
        data,
        at
    )
    .fetch_one(connection)
    .await
}

/// Stores other facts or another severity of an alert. Returns false if they are those that are stored.
pub async fn update(
    connection: &mut PgConnection,
    id: i64,
    severity: AlertSeverity,
    data: &str,
    at: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let updated = query!(
        r#"
        update eqp.alert set severity = $2, data = $3::text::jsonb, updated_at = $4, updates = updates + 1
        where id = $1 and resolved_at is null and (severity <> $2 or data <> $3::text::jsonb)
        "#,
        id,
        severity.as_str(),
        data,
        at
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Records that reminders have named these alerts.
pub async fn remind(connection: &mut PgConnection, ids: &[i64], at: OffsetDateTime) -> Result<(), sqlx::Error> {
    query!("update eqp.alert set reminded_at = $2 where id = any($1)", ids, at).execute(connection).await?;
    Ok(())
}

/// Records that a person has acknowledged an open alert. Returns false if it is resolved.
pub async fn acknowledge(
    connection: &mut PgConnection,
    id: i64,
    by: &str,
    at: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let changed = query!(
        "update eqp.alert set acknowledged_at = $3, acknowledged_by = $2 where id = $1 and resolved_at is null",
        id,
        by,
        at
    );
    Ok(changed.execute(connection).await?.rows_affected() > 0)
}

/// Postpones the reminders of an open alert. Returns false if it is resolved.
pub async fn snooze(connection: &mut PgConnection, id: i64, until: OffsetDateTime) -> Result<bool, sqlx::Error> {
    let changed = query!("update eqp.alert set snoozed_until = $2 where id = $1 and resolved_at is null", id, until);
    Ok(changed.execute(connection).await?.rows_affected() > 0)
}

/// Resolves an open alert; `by` is null if its condition ended. Returns false if it is resolved.
pub async fn resolve(
    connection: &mut PgConnection,
    id: i64,
    by: Option<&str>,
    at: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let changed = query!(
        "update eqp.alert set resolved_at = $3, resolved_by = $2 where id = $1 and resolved_at is null",
        id,
        by,
        at
    );
    Ok(changed.execute(connection).await?.rows_affected() > 0)
}
