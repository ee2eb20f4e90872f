//! Lists events and files by filters, and builds the conditions that all lists share.
//!
//! Each statement contains only the conditions that the filter sets. A statement with `$1 is null or …` for every field would get one
//! plan for all filters, which would use none of the indexes. Values are always bound as parameters.

use eqp_types::{Environment, Flow, MageId};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgExecutor, PgPool, Postgres, QueryBuilder, Row};

use super::column::{account, timestamp};
use super::event::{self, Source};
use crate::model::{
    Disposition, Event, EventFilter, EventKind, FileFilter, FileState, HIGHEST_LIMIT, Order, Submission,
};
use crate::model::{canonical_status, canonical_status_of_any_flow};

/// The number of events to scan before another plan is tried. Scanning them takes about ten milliseconds. Its estimated
/// cost is so low that Postgres does not JIT-compile the statement, which would take longer than running it.
pub(super) const MAX_SCANNED: i64 = 4_000;

const FILES: &str = "
    select environment, mage_id, file_upload_id, malware, modified_at, received_at, seq, ambiguous, unconfirmed,
           confirmed_at
    from eqp.v_file as file
    where true";

/// Adds a condition on a column if the filter names a value.
pub(super) fn condition<'a, T>(query: &mut QueryBuilder<Postgres>, sql: &'static str, value: Option<T>)
where
    T: 'a + sqlx::Encode<'a, Postgres> + sqlx::Type<Postgres>,
{
    if let Some(value) = value {
        query.push(" and ").push(sql).push_bind(value);
    }
}

/// Returns the IDs of the accounts that a filter selects, or `None` if it selects all.
///
/// A separate query, because the planner estimates the number of matching events only if it sees the IDs themselves.
pub(super) async fn accounts(
    executor: impl PgExecutor<'_>,
    environment: Option<Environment>,
    mage_id: Option<&MageId>,
) -> Result<Option<Vec<i64>>, sqlx::Error> {
    if environment.is_none() && mage_id.is_none() {
        return Ok(None);
    }
    let ids = sqlx::query_scalar!(
        r#"
        select id
        from eqp.account
        where ($1::text is null or environment = $1) and ($2::text is null or mage_id = $2)
        "#,
        environment.map(Environment::as_str),
        mage_id.map(MageId::as_str)
    )
    .fetch_all(executor)
    .await?;
    Ok(Some(ids))
}

/// Adds a condition on the account. For a single account, Postgres can read the rows in the order of an index.
pub(super) fn of_accounts(query: &mut QueryBuilder<Postgres>, column: &'static str, accounts: Option<&[i64]>) {
    match accounts {
        None => {}
        Some([only]) => {
            query.push(" and ").push(column).push(" = ").push_bind(*only);
        }
        Some(several) => {
            query.push(" and ").push(column).push(" = any(").push_bind(several.to_vec()).push(")");
        }
    }
}

pub(super) fn limited(query: &mut QueryBuilder<Postgres>, limit: u32) {
    query.push(" limit ").push_bind(i64::from(limit.min(HIGHEST_LIMIT)));
}

/// Returns whether a page has the maximum number of rows.
pub(super) fn is_full<T>(page: &[T], limit: u32) -> bool {
    page.len() >= usize::try_from(limit.min(HIGHEST_LIMIT)).expect("the highest limit fits")
}

/// Returns a status in its canonical spelling, in which it is stored.
fn canonical(flow: Option<&Flow>, status: &str) -> String {
    flow.map_or_else(|| canonical_status_of_any_flow(status).to_owned(), |flow| canonical_status(flow, status))
}

/// Returns the events that match a filter.
///
/// The condition of a partial index is repeated as a literal, because the planner may not know the bound value.
pub(crate) async fn events(pool: &PgPool, filter: &EventFilter) -> Result<Vec<Event>, sqlx::Error> {
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    if filter.since.is_some() && filter.order == Order::NewestFirst {
        // Recent events have the highest numbers, which the planner does not know, so these are searched first.
        let page = events_from(Source::Newest(MAX_SCANNED), filter, accounts.as_deref())
            .build_query_as()
            .fetch_all(pool)
            .await?;
        if is_full(&page, filter.limit) {
            return Ok(page);
        }
    }
    events_from(Source::All, filter, accounts.as_deref()).build_query_as().fetch_all(pool).await
}

fn events_from(source: Source, filter: &EventFilter, accounts: Option<&[i64]>) -> QueryBuilder<Postgres> {
    let mut query = event::select(source);
    matching(&mut query, filter, accounts);
    query.push(match filter.order {
        Order::NewestFirst => " order by event.seq desc",
        Order::OldestFirst => " order by event.seq",
    });
    limited(&mut query, filter.limit);
    query
}

/// Adds the conditions of a filter to a query for events.
pub(super) fn matching(query: &mut QueryBuilder<Postgres>, filter: &EventFilter, accounts: Option<&[i64]>) {
    of_accounts(query, "event.account_id", accounts);
    if let Some(kind) = filter.kind {
        condition(query, "event.kind = ", Some(kind.as_str()));
        if kind != EventKind::Submission {
            query.push(" and event.kind <> 'submission'");
        }
    }
    condition(query, "event.resource_id = ", filter.resource_id.as_deref());
    condition(query, "event.flow = ", filter.flow.as_ref().map(Flow::as_str));
    let status = filter.status.as_deref().map(|status| canonical(filter.flow.as_ref(), status));
    condition(query, "event.status = ", status);
    if let Some(disposition) = filter.disposition {
        condition(query, "event.disposition = ", Some(disposition.as_str()));
        if disposition != Disposition::Applied {
            query.push(" and event.disposition <> 'applied'");
        }
    }
    condition(query, "event.callback_id = ", filter.callback_id);
    condition(query, "event.seq > ", filter.after_seq);
    condition(query, "event.seq < ", filter.before_seq);
    condition(query, "event.received_at >= ", filter.since);
    condition(query, "event.received_at < ", filter.until);
}

/// Returns the files that match a filter.
pub(crate) async fn files(pool: &PgPool, filter: &FileFilter) -> Result<Vec<FileState>, sqlx::Error> {
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    let mut query = QueryBuilder::new(FILES);
    of_accounts(&mut query, "file.account_id", accounts.as_deref());
    condition(&mut query, "file.file_upload_id = ", filter.file_upload_id.as_deref());
    let malware = filter.malware.as_deref().map(|status| canonical(Some(&Flow::Malware), status));
    condition(&mut query, "file.malware = ", malware);
    condition(&mut query, "file.seq < ", filter.before_seq);
    query.push(" order by file.seq desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

#[doc(hidden)] // How rows are read is not part of the public API.
impl FromRow<'_, PgRow> for Submission {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (environment, mage_id) = account(row.try_get("environment")?, row.try_get("mage_id")?)?;
        Ok(Self {
            environment,
            mage_id,
            submission_id: row.try_get("submission_id")?,
            item_id: row.try_get("item_id")?,
            overall: row.try_get("overall")?,
            technical: row.try_get("technical")?,
            marketing: row.try_get("marketing")?,
            modified_at: timestamp(row.try_get("modified_at")?),
            received_at: row.try_get("received_at")?,
            seq: row.try_get("seq")?,
            ambiguous: row.try_get("ambiguous")?,
            unconfirmed: row.try_get("unconfirmed")?,
            confirmed_at: row.try_get("confirmed_at")?,
        })
    }
}

#[doc(hidden)] // How rows are read is not part of the public API.
impl FromRow<'_, PgRow> for FileState {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (environment, mage_id) = account(row.try_get("environment")?, row.try_get("mage_id")?)?;
        Ok(Self {
            environment,
            mage_id,
            file_upload_id: row.try_get("file_upload_id")?,
            malware: row.try_get("malware")?,
            modified_at: timestamp(row.try_get("modified_at")?),
            received_at: row.try_get("received_at")?,
            seq: row.try_get("seq")?,
            ambiguous: row.try_get("ambiguous")?,
            unconfirmed: row.try_get("unconfirmed")?,
            confirmed_at: row.try_get("confirmed_at")?,
        })
    }
}
