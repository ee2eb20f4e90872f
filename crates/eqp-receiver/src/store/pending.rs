//! The queue of callbacks that are not projected yet.

use std::collections::HashMap;

use sqlx::{PgConnection, PgPool, query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::project::Pending;

/// A piece of the queue, in its order.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Rows of the queue.
    pub(crate) rows: Vec<i64>,
    /// What is left in the queue of the last of these rows.
    pub(crate) rest: Vec<Uuid>,
    /// The callbacks that they hold.
    pub(crate) callback_ids: Vec<Uuid>,
}

/// Something waits.
pub(crate) async fn is_any(pool: &PgPool) -> Result<bool, sqlx::Error> {
    query_scalar!(r#"select exists (select from eqp.callback_pending) as "any!""#).fetch_one(pool).await
}

/// How far projection is behind.
pub(crate) struct Backlog {
    /// Rows of the queue; of very many it says that there are many.
    pub(crate) batches: i64,
    /// When the first callback of the first of them arrived.
    pub(crate) oldest: Option<OffsetDateTime>,
}

/// Looks at the queue without going through all of it.
pub(crate) async fn backlog(pool: &PgPool) -> Result<Backlog, sqlx::Error> {
    let row = query!(
        r#"
        select (select count(*) from (select from eqp.callback_pending limit 100000) as rows) as "batches!",
               (select callback_ids[1] from eqp.callback_pending order by id limit 1) as oldest
        "#
    )
    .fetch_one(pool)
    .await?;
    let oldest = row.oldest.and_then(|id| id.get_timestamp()).and_then(|timestamp| {
        let (seconds, nanoseconds) = timestamp.to_unix();
        let whole = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
        whole.checked_add(time::Duration::nanoseconds(nanoseconds.into()))
    });
    Ok(Backlog { batches: row.batches, oldest })
}

/// The head of the queue: whole rows that hold at most this many callbacks together, or the first callbacks of the first row.
///
/// A row holds from one to some hundred ids, so that each look asks for as many rows as the last ones let expect.
pub(crate) async fn take(connection: &mut PgConnection, most: usize) -> Result<Taken, sqlx::Error> {
    let mut taken = Taken::default();
    let mut limit = 16;
    loop {
        let after = taken.rows.last().copied().unwrap_or(0);
        let rows = query!(
            "select id, callback_ids from eqp.callback_pending where id > $1 order by id limit $2",
            after,
            i64::try_from(limit).unwrap_or(i64::MAX)
        )
        .fetch_all(&mut *connection)
        .await?;
        let was_last = rows.len() < limit;
        for row in rows {
            let is_first = taken.rows.is_empty();
            if !is_first && taken.callback_ids.len() + row.callback_ids.len() > most {
                return Ok(taken);
            }
            taken.rows.push(row.id);
            taken.callback_ids.extend(row.callback_ids);
            if is_first && taken.callback_ids.len() > most {
                taken.rest = taken.callback_ids.split_off(most);
                return Ok(taken);
            }
        }
        let missing = most.saturating_sub(taken.callback_ids.len());
        if was_last || missing == 0 {
            return Ok(taken);
        }
        let per_row = taken.callback_ids.len().div_ceil(taken.rows.len()).max(1);
        limit = missing.div_ceil(per_row);
    }
}

/// The callbacks with these ids, each once, in the order of the ids, decoded.
pub(crate) async fn callbacks(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Pending>, sqlx::Error> {
    let rows = query!("select id, endpoint_id, received_at, body from eqp.callback where id = any($1)", ids)
        .fetch_all(&mut *connection)
        .await?;
    let endpoints: Vec<i64> = rows.iter().map(|row| row.endpoint_id).collect();
    let accounts = accounts(connection, &endpoints).await?;
    let mut found: HashMap<Uuid, Pending> = rows
        .into_iter()
        .filter_map(|row| {
            let account_id = *accounts.get(&row.endpoint_id)?;
            Some((row.id, Pending::new(row.id, account_id, row.received_at, &row.body)))
        })
        .collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

async fn accounts(connection: &mut PgConnection, endpoints: &[i64]) -> Result<HashMap<i64, i64>, sqlx::Error> {
    let mut distinct = endpoints.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let rows =
        query!("select id, account_id from eqp.endpoint where id = any($1)", &distinct).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.account_id)).collect())
}

/// Removes what was taken from the queue.
pub(crate) async fn remove(connection: &mut PgConnection, taken: &Taken) -> Result<(), sqlx::Error> {
    let (cut, whole) = match taken.rows.split_last() {
        Some((cut, whole)) if !taken.rest.is_empty() => (Some(*cut), whole),
        _ => (None, taken.rows.as_slice()),
    };
    query!("delete from eqp.callback_pending where id = any($1)", whole).execute(&mut *connection).await?;
    if let Some(cut) = cut {
        query!("update eqp.callback_pending set callback_ids = $2 where id = $1", cut, &taken.rest)
            .execute(connection)
            .await?;
    }
    Ok(())
}
