//! The facts about one submission beside its events: repeated reports, callbacks that did not arrive, deliveries and alerts. Only
//! reads.

use sqlx::{PgPool, query};
use uuid::Uuid;

use super::column::read;
use crate::model::{AccountId, AlertEntry, EventDelivery, RepeatedReport, UnreportedChange};

/// The most deliveries and changes of alerts that are read.
const ENTRIES: i64 = 500;

/// Returns the number of later callbacks with the same content, for each of these callbacks and API reads that has any.
pub async fn repeated(pool: &PgPool, reports: &[Uuid]) -> Result<Vec<RepeatedReport>, sqlx::Error> {
    let rows = query!(
        r#"
        select duplicate_of as "report!", count(*) as "times!"
        from eqp.callback_disposition
        where duplicate_of is not null and duplicate_of = any($1)
        group by duplicate_of
        "#,
        reports
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| RepeatedReport { report: row.report, times: row.times.unsigned_abs() }).collect())
}

/// Returns the changes that these API reads found, with the fate of their callbacks.
pub async fn unreported(pool: &PgPool, api_reads: &[Uuid]) -> Result<Vec<UnreportedChange>, sqlx::Error> {
    let rows = query!(
        "select api_read_id, flow, decision, arrived_at from eqp.missing_callback where api_read_id = any($1)",
        api_reads
    )
    .fetch_all(pool)
    .await?;
    let changes = rows.into_iter().map(|row| UnreportedChange {
        api_read: row.api_read_id,
        flow: row.flow,
        decision: row.decision,
        arrived_at: row.arrived_at,
    });
    Ok(changes.collect())
}

/// Returns the deliveries of these events, newest first, at most 500. Those that have ended are known for as long as their attempts are
/// stored.
pub async fn deliveries(pool: &PgPool, events: &[i64]) -> Result<Vec<EventDelivery>, sqlx::Error> {
    let rows = query!(
        r#"
        select coalesce(delivery.id, attempt.delivery_id) as "delivery!", subscription.name,
               coalesce(delivery.event_seq, attempt.event_seq) as "event_seq!",
               coalesce(attempt.at, delivery.created_at) as "at!", attempt.result as "result?", attempt.status,
               delivery.id is not null as "is_stored!", delivery.dead_at is not null as "is_dead!"
        from (select distinct on (delivery_id) delivery_id, subscription_id, event_seq, at, result, status
              from eqp.attempt
              where source = 'event' and event_seq = any($1)
              order by delivery_id, id desc) as attempt
        full join (select id, subscription_id, event_seq, created_at, dead_at
                   from eqp.delivery
                   where source = 'event' and event_seq = any($1)) as delivery on delivery.id = attempt.delivery_id
        join eqp.subscription on subscription.id = coalesce(delivery.subscription_id, attempt.subscription_id)
        order by coalesce(attempt.at, delivery.created_at) desc, 1 desc
        limit $2
        "#,
        events,
        ENTRIES
    )
    .fetch_all(pool)
    .await?;
    let deliveries = rows.into_iter().map(|row| EventDelivery {
        delivery: row.delivery,
        subscription: row.name,
        event_seq: row.event_seq,
        at: row.at,
        result: row.result,
        status: row.status,
        is_stored: row.is_stored,
        is_dead: row.is_dead,
    });
    Ok(deliveries.collect())
}

/// Returns the changes of the alerts of an account that have one of these kinds and keys, newest first, at most 500 changes. Updates of
/// their facts are omitted.
pub async fn alerts(
    pool: &PgPool,
    account: AccountId,
    kinds: &[&str],
    keys: &[String],
) -> Result<Vec<AlertEntry>, sqlx::Error> {
    let rows = query!(
        r#"
        select alert.id, alert.kind, alert.data::text as "data!", change.change, change.at, change.changed_by, change.note
        from eqp.alert
        join eqp.alert_change as change on change.alert_id = alert.id
        where alert.account_id = $1 and alert.kind = any($2) and alert.key = any($3) and change.change <> 'updated'
        order by change.number desc
        limit $4
        "#,
        account.0,
        kinds as &[&str],
        keys,
        ENTRIES
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let change = read(&row.change)?;
            let (alert, kind, data) = (row.id, row.kind, row.data);
            Ok(AlertEntry { alert, kind, data, change, at: row.at, by: row.changed_by, note: row.note })
        })
        .collect()
}
