//! Lists stored callbacks. Only reads.
//!
//! `eqp.callback` has no index but its key, because every index would slow down accepting. A filter is therefore applied to a limited number of
//! callbacks, and the page says where to continue.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgPool, Postgres, QueryBuilder, Row};
use time::Duration;
use uuid::Uuid;

use super::column::{account, read};
use super::listing::{accounts, condition, is_full, limited, of_accounts};
use super::retention::first_id_at;
use crate::model::{CallbackDisposition, CallbackFilter, CallbackPage, CallbackSummary};

/// The number of callbacks to which the filter of one page is applied. This takes about 0.2 seconds.
const MAX_SCANNED: i64 = 50_000;
/// The maximum difference between the time of a callback and that in its ID.
const TIME_IN_ID: Duration = Duration::seconds(5);

/// Returns the callbacks that match a filter, newest first.
pub async fn list(pool: &PgPool, filter: &CallbackFilter) -> Result<CallbackPage, sqlx::Error> {
    list_scanning(pool, filter, MAX_SCANNED).await
}

/// Returns the callbacks that match a filter, of at most `scanned` ones to which the filter is applied.
pub async fn list_scanning(pool: &PgPool, filter: &CallbackFilter, scanned: i64) -> Result<CallbackPage, sqlx::Error> {
    // Both statements must see the same callbacks, or the next page would repeat some.
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql("set transaction isolation level repeatable read, read only").execute(&mut *transaction).await?;
    let accounts = accounts(&mut *transaction, filter.environment, filter.mage_id.as_ref()).await?;
    let mut query = select(filter, if is_bounded(filter) { None } else { Some(scanned) });
    of_accounts(&mut query, "endpoint.account_id", accounts.as_deref());
    condition(&mut query, "endpoint.name = ", filter.endpoint.as_deref());
    condition(&mut query, "projected.resource_id = ", filter.resource_id.as_deref());
    condition(&mut query, "projected.disposition = ", filter.disposition.map(CallbackDisposition::as_str));
    condition(&mut query, "(projected.callback_id is null) = ", filter.pending);
    condition(&mut query, "callback.received_at >= ", filter.since);
    condition(&mut query, "callback.received_at < ", filter.until);
    query.push(" order by callback.id desc");
    limited(&mut query, filter.limit);
    let callbacks: Vec<CallbackSummary> = query.build_query_as().fetch_all(&mut *transaction).await?;
    let next = match callbacks.last() {
        Some(last) if is_full(&callbacks, filter.limit) => Some(last.id),
        _ if is_bounded(filter) => None,
        _ => last_scanned(&mut transaction, filter, scanned).await?,
    };
    transaction.commit().await?;
    Ok(CallbackPage { callbacks, next })
}

/// Returns one callback.
pub async fn find(pool: &PgPool, id: Uuid) -> Result<Option<CallbackSummary>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("eqp.callback");
    query.push(JOINS);
    condition(&mut query, "callback.id = ", Some(id));
    query.build_query_as().fetch_optional(pool).await
}

const COLUMNS: &str = "
    select callback.id, account.environment, account.mage_id, endpoint.name, callback.received_at,
           octet_length(callback.body)::bigint as size_bytes, projected.resource_kind, projected.resource_id,
           projected.disposition, projected.duplicate_of
    from ";

const JOINS: &str = " as callback
    join eqp.endpoint on endpoint.id = callback.endpoint_id
    join eqp.account on account.id = endpoint.account_id
    left join eqp.callback_disposition as projected on projected.callback_id = callback.id
    where true";

/// Returns whether the filter itself limits the callbacks that are read: to those about one resource.
fn is_bounded(filter: &CallbackFilter) -> bool {
    filter.resource_id.is_some()
}

/// Selects the callbacks of a filter's range of IDs, at most `scanned`.
fn select(filter: &CallbackFilter, scanned: Option<i64>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("(select id, endpoint_id, received_at, body from eqp.callback where true");
    in_range(&mut query, filter);
    match (scanned, &filter.resource_id) {
        (Some(scanned), _) => {
            query.push(" order by id desc limit ").push_bind(scanned);
        }
        (None, Some(resource)) => {
            // Those that are the report of an event, and their duplicates.
            query.push(
                " and id = any(array(
                      with reported as (
                          select callback_id, api_read_id from eqp.event where resource_id = ",
            );
            query.push_bind(resource.clone());
            query.push(
                ")
                      select callback_id from reported where callback_id is not null
                      union
                      select callback_id
                      from eqp.callback_disposition
                      where duplicate_of in (select coalesce(callback_id, api_read_id) from reported)))",
            );
        }
        (None, None) => {}
    }
    query.push(")");
    query.push(JOINS);
    query
}

/// Adds the conditions on the ID.
fn in_range(query: &mut QueryBuilder<Postgres>, filter: &CallbackFilter) {
    condition(query, "id < ", filter.before_id);
    condition(query, "id >= ", filter.since.and_then(|at| at.checked_sub(TIME_IN_ID)).map(first_id_at));
    condition(query, "id < ", filter.until.and_then(|at| at.checked_add(TIME_IN_ID)).map(first_id_at));
}

/// Returns the last callback that was scanned, unless all of the range were.
async fn last_scanned(
    connection: &mut PgConnection,
    filter: &CallbackFilter,
    scanned: i64,
) -> Result<Option<Uuid>, sqlx::Error> {
    let mut query = QueryBuilder::new("select id from eqp.callback where true");
    in_range(&mut query, filter);
    query.push(" order by id desc offset ").push_bind(scanned - 1).push(" limit 1");
    query.build_query_scalar().fetch_optional(connection).await
}

impl FromRow<'_, PgRow> for CallbackSummary {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (environment, mage_id) = account(row.try_get("environment")?, row.try_get("mage_id")?)?;
        let kind: Option<&str> = row.try_get("resource_kind")?;
        let disposition: Option<&str> = row.try_get("disposition")?;
        Ok(Self {
            id: row.try_get("id")?,
            environment,
            mage_id,
            endpoint: row.try_get("name")?,
            received_at: row.try_get("received_at")?,
            resource_kind: kind.map(read).transpose()?,
            resource_id: row.try_get("resource_id")?,
            disposition: disposition.map(read).transpose()?,
            duplicate_of: row.try_get("duplicate_of")?,
            size_bytes: row.try_get::<i64, _>("size_bytes")?.unsigned_abs(),
        })
    }
}
