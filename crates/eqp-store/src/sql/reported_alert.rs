//! Reads the entries of the log of which subscriptions are notified: alerts that were opened, acknowledged or resolved, and reminders.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool, query, query_as};
use time::OffsetDateTime;

use super::column::read;
use crate::model::{AlertSeverity, ReportedAlert, ReportedChange, ReportedReminder};

/// The maximum number of changes that one transaction matches.
const CHANGES: i64 = 500;

struct Row {
    number: i64,
    alert_id: Option<i64>,
    change: String,
    at: OffsetDateTime,
    severity: String,
    notify_after: OffsetDateTime,
    kind: Option<String>,
    data: String,
    opened_at: Option<OffsetDateTime>,
    environment: Option<String>,
    mage_id: Option<String>,
    reminded: Option<Vec<i64>>,
}

impl Row {
    fn read(self) -> Result<ReportedChange, sqlx::Error> {
        let Some(((alert, kind), opened_at)) = self.alert_id.zip(self.kind).zip(self.opened_at) else {
            return Ok(ReportedChange::Reminder(ReportedReminder {
                number: self.number,
                at: self.at,
                severity: read(&self.severity)?,
                notify_after: self.notify_after,
                alerts: self.reminded.unwrap_or_default(),
            }));
        };
        Ok(ReportedChange::Alert(ReportedAlert {
            number: self.number,
            alert,
            change: read(&self.change)?,
            at: self.at,
            severity: read(&self.severity)?,
            notify_after: self.notify_after,
            kind,
            data: self.data,
            opened_at,
            environment: self.environment.as_deref().map(read).transpose()?,
            mage_id: self.mage_id.as_deref().map(read).transpose()?,
        }))
    }
}

/// Returns the first changes after a number, up to another one. If fewer than [`is_full`] says are returned, there are no more.
pub async fn between(
    connection: &mut PgConnection,
    after: i64,
    up_to: i64,
) -> Result<Vec<ReportedChange>, sqlx::Error> {
    let rows = query_as!(
        Row,
        r#"
        select change.number as "number!", change.alert_id, change.change as "change!", change.at as "at!",
               change.severity as "severity!", change.notify_after as "notify_after!", alert.kind as "kind?", change.data::text as "data!", alert.opened_at as "opened_at?",
               account.environment as "environment?", account.mage_id as "mage_id?",
               case when change.alert_id is null
                    then array(select jsonb_array_elements_text(change.data -> 'alerts')::bigint) end as "reminded?"
        from eqp.alert_change as change
        left join eqp.alert on alert.id = change.alert_id
        left join eqp.account on account.id = alert.account_id
        where change.number > $1 and change.number <= $2
          and change.change in ('opened', 'acknowledged', 'resolved', 'reminded')
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
pub fn is_full(changes: &[ReportedChange]) -> bool {
    i64::try_from(changes.len()).is_ok_and(|read| read >= CHANGES)
}

/// Returns the changes with these numbers. Those of old alerts are deleted.
pub async fn by_number(
    connection: &mut PgConnection,
    numbers: &[i64],
) -> Result<HashMap<i64, ReportedChange>, sqlx::Error> {
    let rows = query_as!(
        Row,
        r#"
        select change.number as "number!", change.alert_id, change.change as "change!", change.at as "at!",
               change.severity as "severity!", change.notify_after as "notify_after!", alert.kind as "kind?", change.data::text as "data!", alert.opened_at as "opened_at?",
               account.environment as "environment?", account.mage_id as "mage_id?",
               case when change.alert_id is null
                    then array(select jsonb_array_elements_text(change.data -> 'alerts')::bigint) end as "reminded?"
        from eqp.alert_change as change
        left join eqp.alert on alert.id = change.alert_id
        left join eqp.account on account.id = alert.account_id
        where change.number = any($1)
        "#,
        numbers
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((row.number, row.read()?))).collect()
}

/// Returns the number of the last reminder of each severity.
pub async fn last_reminders(pool: &PgPool) -> Result<HashMap<AlertSeverity, i64>, sqlx::Error> {
    let rows = query!(
        r#"
        select severity, max(number) as "number!" from eqp.alert_change where alert_id is null group by severity
        "#
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| Ok((read(&row.severity)?, row.number))).collect()
}
