//! Lists of events and files, and what all lists have in common.
//!
//! The statements are put together from what a filter names, and from nothing else: a statement with `$1 is null or …`
//! for every field would get one plan for all filters, and none of the indexes. Values are always bound.

use eqp_types::{Environment, Flow, MageId};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder, Row};

use super::word::{account, read, timestamp};
use crate::project::{spelled, spelled_in_some_flow};
use crate::read::{Event, EventFilter, EventKind, FileFilter, FileState, HIGHEST_LIMIT, Mark, Order, Submission};

/// How many events are walked along before it is given up: some ten milliseconds, and so little that Postgres does not
/// think of compiling the statement, which takes longer than running it.
pub(super) const LONGEST_WALK: i64 = 4_000;

/// The order keeps `event` the table that is walked, along an index that ends in `seq`.
const EVENTS: &str = "
    select event.seq, account.environment, account.mage_id, event.kind, event.subject, track.item_id, event.flow,
           event.outcome, event.modified_at, event.clock_doubtful, event.received_at, event.named, event.mark, event.moved, event.reason,
           event.callback_id
    from ";
const AND_WHAT_THEY_ARE_OF: &str = "
    join eqp.account on account.id = event.account_id
    left join eqp.track on track.id = event.track_id
    where true";

const FILES: &str = "
    select account.environment, account.mage_id, file.file_upload_id, file.malware, file.modified_at,
           file.received_at, file.event_seq, file.tied
    from eqp.file
    join eqp.account on account.id = file.account_id
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

/// The accounts that a filter names; none when it names nothing.
///
/// Asked for beforehand: when the planner sees the ids themselves it knows whether they are many or few among the events.
pub(super) async fn accounts(
    pool: &PgPool,
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
    .fetch_all(pool)
    .await?;
    Ok(Some(ids))
}

/// Of one account an index gives the events in their order; of several it cannot.
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

/// Whether a page has as many rows as are answered at most.
pub(super) fn is_full<T>(page: &[T], limit: u32) -> bool {
    page.len() >= usize::try_from(limit.min(HIGHEST_LIMIT)).unwrap_or(usize::MAX)
}

/// The one spelling in which an outcome is kept.
fn kept_spelling(flow: Option<&Flow>, outcome: &str) -> String {
    flow.map_or_else(|| spelled_in_some_flow(outcome).to_owned(), |flow| spelled(flow, outcome))
}

/// Events that the filter lets through.
///
/// Where an index is partial, its condition is said beside the bound value, which the planner may not know.
pub(crate) async fn events(pool: &PgPool, filter: &EventFilter) -> Result<Vec<Event>, sqlx::Error> {
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    if filter.since.is_some() && filter.order == Order::NewestFirst {
        // What arrived lately is among the last numbers, which the planner cannot know.
        let page = events_among(Among::Newest, filter, accounts.as_deref()).build_query_as().fetch_all(pool).await?;
        if is_full(&page, filter.limit) {
            return Ok(page);
        }
    }
    events_among(Among::All, filter, accounts.as_deref()).build_query_as().fetch_all(pool).await
}

/// Where a list of events looks for them.
#[derive(Clone, Copy)]
enum Among {
    All,
    /// The last [`LONGEST_WALK`].
    Newest,
}

fn events_among(among: Among, filter: &EventFilter, accounts: Option<&[i64]>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(EVENTS);
    match among {
        Among::All => query.push("eqp.event"),
        Among::Newest => {
            query.push("(select * from eqp.event order by seq desc limit ").push_bind(LONGEST_WALK).push(") as event")
        }
    };
    query.push(AND_WHAT_THEY_ARE_OF);
    of_accounts(&mut query, "event.account_id", accounts);
    if let Some(kind) = filter.kind {
        condition(&mut query, "event.kind = ", Some(kind.as_str()));
        if kind != EventKind::Submission {
            query.push(" and event.kind <> 'submission'");
        }
    }
    condition(&mut query, "event.subject = ", filter.subject.as_deref());
    condition(&mut query, "event.flow = ", filter.flow.as_ref().map(Flow::as_str));
    let outcome = filter.outcome.as_deref().map(|outcome| kept_spelling(filter.flow.as_ref(), outcome));
    condition(&mut query, "event.outcome = ", outcome);
    if let Some(mark) = filter.mark {
        condition(&mut query, "event.mark = ", Some(mark.as_str()));
        if mark != Mark::None {
            query.push(" and event.mark <> 'none'");
        }
    }
    condition(&mut query, "event.callback_id = ", filter.callback_id);
    condition(&mut query, "event.seq > ", filter.after_seq);
    condition(&mut query, "event.seq < ", filter.before_seq);
    condition(&mut query, "event.received_at >= ", filter.since);
    condition(&mut query, "event.received_at < ", filter.until);
    query.push(match filter.order {
        Order::NewestFirst => " order by event.seq desc",
        Order::OldestFirst => " order by event.seq",
    });
    limited(&mut query, filter.limit);
    query
}

/// Files that the filter lets through.
pub(crate) async fn files(pool: &PgPool, filter: &FileFilter) -> Result<Vec<FileState>, sqlx::Error> {
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    let mut query = QueryBuilder::new(FILES);
    of_accounts(&mut query, "file.account_id", accounts.as_deref());
    condition(&mut query, "file.file_upload_id = ", filter.file_upload_id.as_deref());
    let malware = filter.malware.as_deref().map(|outcome| kept_spelling(Some(&Flow::Malware), outcome));
    condition(&mut query, "file.malware = ", malware);
    condition(&mut query, "file.event_seq < ", filter.before_seq);
    query.push(" order by file.event_seq desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

impl FromRow<'_, PgRow> for Event {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (environment, mage_id) = account(row.try_get("environment")?, row.try_get("mage_id")?)?;
        Ok(Self {
            seq: row.try_get("seq")?,
            environment,
            mage_id,
            kind: read(row.try_get("kind")?)?,
            subject: row.try_get("subject")?,
            item_id: row.try_get("item_id")?,
            flow: row.try_get::<Option<&str>, _>("flow")?.map(Flow::from),
            outcome: row.try_get("outcome")?,
            modified_at: timestamp(row.try_get("modified_at")?),
            clock_doubtful: row.try_get("clock_doubtful")?,
            received_at: row.try_get("received_at")?,
            named: row.try_get("named")?,
            mark: read(row.try_get("mark")?)?,
            moved: row.try_get("moved")?,
            reason: row.try_get("reason")?,
            callback_id: row.try_get("callback_id")?,
        })
    }
}

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
            seq: row.try_get("event_seq")?,
            tied: row.try_get("tied")?,
        })
    }
}

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
            seq: row.try_get("event_seq")?,
            tied: row.try_get("tied")?,
        })
    }
}
