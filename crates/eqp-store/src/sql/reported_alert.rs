//! Reads the changes of alerts of which subscriptions are notified: opened, acknowledged and resolved.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool, query_as};
use time::OffsetDateTime;

use super::column::read;
use crate::model::ReportedAlert;

/// The maximum number of changes that one transaction matches.
const CHANGES: i64 = 500;

struct Row {
    number: i64,
    alert_id: i64,
    change: String,
    at: OffsetDateTime,
    severity: String,
    notify_after: OffsetDateTime,
    kind: String,
    data: String,
    opened_at: OffsetDateTime,
    environment: Option<String>,
    mage_id: Option<String>,
}

impl Row {
    fn read(self) -> Result<ReportedAlert, sqlx::Error> {
        Ok(ReportedAlert {
            number: self.number,
            alert: self.alert_id,
            change: read(&self.change)?,
            at: self.at,
            severity: read(&self.severity)?,
            notify_after: self.notify_after,
            kind: self.kind,
            data: self.data,
            opened_at: self.opened_at,
            environment: self.environment.as_deref().map(read).transpose()?,
            mage_id: self.mage_id.as_deref().map(read).transpose()?,
        })
    }
}

/// Returns the first changes after a number, up to another one. If fewer than [`is_full`] says are returned, there are no more.
pub async fn between(connection: &mut PgConnection, after: i64, up_to: i64) -> Result<Vec<ReportedAlert>, sqlx::Error> {
    let rows = query_as!(
        Row,
        r#"
        select change.number, alert.id as alert_id, change.change, change.at, change.severity, change.notify_after,
               alert.kind, change.data::text as "data!", alert.opened_at, account.environment as "environment?",
               account.mage_id as "mage_id?"
        from eqp.alert_change as change
        join eqp.alert on alert.id = change.alert_id
        left join eqp.account on account.id = alert.account_id
        where change.number > $1 and change.number <= $2 and change.change in ('opened', 'acknowledged', 'resolved')
        order by change.number
        limit $3
        "#,
        after,
        up_to,
        CHANGES
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Returns whether there can be more changes than these.
pub fn is_full(changes: &[ReportedAlert]) -> bool {
    i64::try_from(changes.len()).is_ok_and(|read| read >= CHANGES)
}

/// Returns the changes with these numbers. Those of old alerts are deleted.
pub async fn by_number(pool: &PgPool, numbers: &[i64]) -> Result<HashMap<i64, ReportedAlert>, sqlx::Error> {
    let rows = query_as!(
        Row,
        r#"
        select change.number, alert.id as alert_id, change.change, change.at, change.severity, change.notify_after,
               alert.kind, change.data::text as "data!", alert.opened_at, account.environment as "environment?",
               account.mage_id as "mage_id?"
        from eqp.alert_change as change
        join eqp.alert on alert.id = change.alert_id
        left join eqp.account on account.id = alert.account_id
        where change.number = any($1)
        "#,
        numbers
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| Ok((row.number, row.read()?))).collect()
}
