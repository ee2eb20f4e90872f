//! The queue of reports that are not projected yet: callbacks and API reads.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{PgConnection, PgExecutor, PgPool, query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use super::api_read;
use super::column::account;
use crate::model::{Account, PendingReport};

/// The head of the queue, in order.
#[derive(Debug, Default)]
pub struct PendingBatch {
    /// The rows of the queue that the batch was taken from.
    pub rows: Vec<i64>,
    /// The reports of the last of these rows that do not belong to the batch.
    pub rest: Vec<Uuid>,
    /// The IDs of the callbacks and API reads of the batch.
    pub ids: Vec<Uuid>,
}

/// Returns whether any report is pending.
pub async fn is_any(pool: &PgPool) -> Result<bool, sqlx::Error> {
    query_scalar!(r#"select exists (select from eqp.callback_pending) as "any!""#).fetch_one(pool).await
}

/// The size and age of the queue.
pub struct Backlog {
    /// The number of rows in the queue, counted up to 100,000.
    pub batches: i64,
    /// When the first pending report arrived.
    pub oldest: Option<OffsetDateTime>,
}

/// Measures the queue without reading all of it.
pub async fn backlog(executor: impl PgExecutor<'_>) -> Result<Backlog, sqlx::Error> {
    let row = query!(
        r#"
        select (select count(*) from (select from eqp.callback_pending limit 100000) as rows) as "batches!",
               (select callback_ids[1] from eqp.callback_pending order by id limit 1) as oldest
        "#
    )
    .fetch_one(executor)
    .await?;
    let oldest = row.oldest.and_then(|id| id.get_timestamp()).and_then(|timestamp| {
        let (seconds, nanoseconds) = timestamp.to_unix();
        let whole = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
        whole.checked_add(time::Duration::nanoseconds(nanoseconds.into()))
    });
    Ok(Backlog { batches: row.batches, oldest })
}

/// Returns the head of the queue: whole rows with at most `most` reports together, or the first reports of the first row.
///
/// A row has between one and several hundred IDs, so each query requests as many rows as the previous ones suggest.
pub async fn take(connection: &mut PgConnection, most: usize) -> Result<PendingBatch, sqlx::Error> {
    let mut batch = PendingBatch::default();
    let mut limit = 16;
    loop {
        let after = batch.rows.last().copied().unwrap_or(0);
        let rows = query!(
            "select id, callback_ids from eqp.callback_pending where id > $1 order by id limit $2",
            after,
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&mut *connection)
        .await?;
        let was_last = rows.len() < limit;
        for row in rows {
            let is_first = batch.rows.is_empty();
            if !is_first && batch.ids.len() + row.callback_ids.len() > most {
                return Ok(batch);
            }
            batch.rows.push(row.id);
            batch.ids.extend(row.callback_ids);
            if is_first && batch.ids.len() > most {
                batch.rest = batch.ids.split_off(most);
                return Ok(batch);
            }
        }
        let missing = most.saturating_sub(batch.ids.len());
        if was_last || missing == 0 {
            return Ok(batch);
        }
        let per_row = batch.ids.len().div_ceil(batch.rows.len()).max(1);
        limit = missing.div_ceil(per_row);
    }
}

/// Returns the callbacks and API reads with these IDs, each once, in the order of the IDs.
pub async fn reports(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<PendingReport>, sqlx::Error> {
    let rows = query!("select id, endpoint_id, received_at, body from eqp.callback where id = any($1)", ids)
        .fetch_all(&mut *connection)
        .await?;
    let endpoints: Vec<i64> = rows.iter().map(|row| row.endpoint_id).collect();
    let accounts = accounts(&mut *connection, &endpoints).await?;
    let mut found: HashMap<Uuid, PendingReport> = rows
        .into_iter()
        .filter_map(|row| {
            let account = Arc::clone(accounts.get(&row.endpoint_id)?);
            let (id, received_at, body) = (row.id, row.received_at, row.body);
            Some((id, PendingReport { id, account, received_at, body, read: None }))
        })
        .collect();
    // Almost every batch has callbacks only.
    let others: Vec<Uuid> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
    if !others.is_empty() {
        found.extend(api_read::pending(connection, &others).await?);
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Returns the account of each endpoint.
async fn accounts(connection: &mut PgConnection, endpoints: &[i64]) -> Result<HashMap<i64, Arc<Account>>, sqlx::Error> {
    let mut distinct = endpoints.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let rows = query!(
        r#"
        select endpoint.id, account_id, environment, mage_id
        from eqp.endpoint
        join eqp.account on account.id = account_id
        where endpoint.id = any($1)
        "#,
        &distinct
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            Ok((row.id, Arc::new(Account { id: row.account_id, environment, mage_id })))
        })
        .collect()
}

/// Removes a batch from the queue.
pub async fn remove(connection: &mut PgConnection, batch: &PendingBatch) -> Result<(), sqlx::Error> {
    let (cut, whole) = match batch.rows.split_last() {
        Some((cut, whole)) if !batch.rest.is_empty() => (Some(*cut), whole),
        _ => (None, batch.rows.as_slice()),
    };
    query!("delete from eqp.callback_pending where id = any($1)", whole).execute(&mut *connection).await?;
    if let Some(cut) = cut {
        query!("update eqp.callback_pending set callback_ids = $2 where id = $1", cut, &batch.rest)
            .execute(connection)
            .await?;
    }
    Ok(())
}
