//! Reads where notifications about an alert went, and whether they arrived.

use sqlx::{PgPool, query};

use super::column::read;
use crate::model::StoredNotification;

/// Returns the notifications about an alert, oldest first, at most 200. Attempts are stored for 7 days, so older notifications that
/// arrived are not known.
pub async fn of_alert(pool: &PgPool, alert: i64) -> Result<Vec<StoredNotification>, sqlx::Error> {
    let rows = query!(
        r#"
        with newest as (
            select number, change from eqp.alert_change
            where alert_id = $1 and change in ('opened', 'acknowledged', 'resolved')
            order by number desc
            limit 100
        ), waiting as (
            select distinct on (event_seq, subscription_id) event_seq, subscription_id, id, dead_at is not null as is_dead
            from eqp.delivery
            where source = 'alert' and event_seq in (select number from newest)
            order by event_seq, subscription_id, id desc
        ), tried as (
            select distinct on (event_seq, subscription_id) event_seq, subscription_id, at, result
            from eqp.attempt
            where source = 'alert' and event_seq in (select number from newest)
            order by event_seq, subscription_id, id desc
        )
        select newest.number, newest.change, subscription.name as "name!",
               exists (select from eqp.alert_fallback as decided
                       where decided.number = newest.number and decided.subscription_id = subscription.id
                         and decided.sent) as "is_fallback!",
               waiting.id as "delivery?", coalesce(waiting.is_dead, false) as "is_dead!", tried.at as "attempted_at?",
               tried.result as "result?"
        from newest
        join (waiting full join tried using (event_seq, subscription_id)) on event_seq = newest.number
        join eqp.subscription on subscription.id = subscription_id
        order by newest.number, subscription.name
        limit 200
        "#,
        alert
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StoredNotification {
                number: row.number,
                change: read(&row.change)?,
                subscription: row.name,
                is_fallback: row.is_fallback,
                delivery: row.delivery,
                is_dead: row.is_dead,
                attempted_at: row.attempted_at,
                result: row.result,
            })
        })
        .collect()
}
