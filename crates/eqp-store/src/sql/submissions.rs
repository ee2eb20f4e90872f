//! Lists submissions, most recently changed first, in a time that does not depend on their number.
//!
//! A submission has no row: it is assembled from its tracks. There are three plans. If the filter matches few submissions, these are
//! looked up. Otherwise the newest events are scanned in the order of their index, where the first event of a submission is its last
//! change. If that does not fill the page soon, every submission that could match is assembled.

use eqp_types::Flow;
use sqlx::{PgPool, Postgres, QueryBuilder, query, query_scalar};

use super::listing::{MAX_SCANNED, accounts, condition, is_full, limited, of_accounts};
use crate::model::{Submission, SubmissionFilter, canonical_status};

/// Filters that match at most this many events are answered by lookups.
const FEW: i64 = 1_000;

/// The account is a subquery of the result and not a join, because a join could change the order in which events are scanned.
const COLUMNS: &str = "
    select (select environment from eqp.account where id = newest.account_id) as environment,
           (select mage_id from eqp.account where id = newest.account_id) as mage_id,
           newest.resource_id as submission_id, submission.item_id, submission.overall, submission.technical,
           submission.marketing, submission.modified_at, submission.received_at, submission.seq, submission.ambiguous,
           submission.unconfirmed, submission.confirmed_at
    from ";

/// Assembles a submission from its tracks.
const ASSEMBLED: &str = "
    cross join lateral (
        select max(item_id)                                   as item_id,
               max(status) filter (where flow = 'overall')   as overall,
               max(status) filter (where flow = 'technical') as technical,
               max(status) filter (where flow = 'marketing') as marketing,
               max(modified_at)                               as modified_at,
               max(received_at)                               as received_at,
               max(event_seq)                                 as seq,
               bool_or(ambiguous)                             as ambiguous,
               bool_or(unconfirmed)                           as unconfirmed,
               case when bool_and(confirmed_at is not null) then min(confirmed_at) end as confirmed_at
        from eqp.track
        where account_id = newest.account_id and resource_kind = 'submission' and resource_id = newest.resource_id
    ) as submission";

/// The submissions that a filter can match, by account and ID.
#[derive(Debug, Default)]
struct Candidates {
    accounts: Vec<i64>,
    ids: Vec<String>,
}

impl FromIterator<(i64, String)> for Candidates {
    fn from_iter<I: IntoIterator<Item = (i64, String)>>(rows: I) -> Self {
        let (accounts, ids) = rows.into_iter().unzip();
        Self { accounts, ids }
    }
}

/// Returns the submissions that match a filter.
pub(crate) async fn submissions(pool: &PgPool, filter: &SubmissionFilter) -> Result<Vec<Submission>, sqlx::Error> {
    let filter = &with_canonical_statuses(filter.clone());
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    if let Some(candidates) = candidates(pool, filter).await? {
        return lookup(pool, filter, accounts.as_deref(), candidates).await;
    }
    let last = end_of_scan(pool, filter).await?;
    let page = scan(pool, filter, accounts.as_deref(), last).await?;
    if last.is_none() || is_full(&page, filter.limit) {
        return Ok(page);
    }
    scan_all(pool, filter, accounts.as_deref()).await
}

fn with_canonical_statuses(mut filter: SubmissionFilter) -> SubmissionFilter {
    for (flow, status) in [
        (Flow::Overall, &mut filter.overall),
        (Flow::Technical, &mut filter.technical),
        (Flow::Marketing, &mut filter.marketing),
    ] {
        *status = status.take().map(|status| canonical_status(&flow, &status));
    }
    filter
}

/// Returns a short list that contains every matching submission, or `None` if there may be many.
async fn candidates(pool: &PgPool, filter: &SubmissionFilter) -> Result<Option<Candidates>, sqlx::Error> {
    if let Some(id) = &filter.submission_id {
        let rows =
            query!("select distinct account_id from eqp.event where resource_id = $1 and kind = 'submission'", id)
                .fetch_all(pool)
                .await?;
        return Ok(Some(rows.into_iter().map(|row| (row.account_id, id.clone())).collect()));
    }
    if let Some(item_id) = &filter.item_id {
        let rows = query!(
            "select distinct account_id, resource_id from eqp.track where resource_kind = 'submission' and item_id = $1",
            item_id
        )
        .fetch_all(pool)
        .await?;
        return Ok(Some(rows.into_iter().map(|row| (row.account_id, row.resource_id)).collect()));
    }
    for (flow, status) in statuses(filter) {
        let rows = query!(
            r#"
            select account_id, resource_id as "resource_id!"
            from eqp.event
            where flow = $1 and status = $2 and kind = 'submission'
            order by seq desc
            limit $3
            "#,
            flow,
            status,
            FEW + 1
        )
        .fetch_all(pool)
        .await?;
        if let Some(few) = few(rows.into_iter().map(|row| (row.account_id, row.resource_id)).collect()) {
            return Ok(Some(few));
        }
    }
    if filter.ambiguous == Some(true) {
        let rows = query!(
            "select account_id, resource_id from eqp.track where ambiguous and resource_kind = 'submission' limit $1",
            FEW + 1
        )
        .fetch_all(pool)
        .await?;
        return Ok(few(rows.into_iter().map(|row| (row.account_id, row.resource_id)).collect()));
    }
    Ok(None)
}

/// Removes repeated rows. Returns `None` if there are too many.
fn few(mut rows: Vec<(i64, String)>) -> Option<Candidates> {
    if i64::try_from(rows.len()).is_ok_and(|count| count > FEW) {
        return None;
    }
    rows.sort_unstable();
    rows.dedup();
    Some(rows.into_iter().collect())
}

fn statuses(filter: &SubmissionFilter) -> impl Iterator<Item = (&'static str, &str)> {
    let statuses = [
        ("overall", filter.overall.as_deref()),
        ("technical", filter.technical.as_deref()),
        ("marketing", filter.marketing.as_deref()),
    ];
    statuses.into_iter().filter_map(|(flow, status)| Some((flow, status?)))
}

/// Returns the event at which a scan from the start of the page stops, or `None` if there are not that many events.
async fn end_of_scan(pool: &PgPool, filter: &SubmissionFilter) -> Result<Option<i64>, sqlx::Error> {
    query_scalar!(
        "select seq from eqp.event where seq < $1 order by seq desc offset $2 limit 1",
        filter.before_seq.unwrap_or(i64::MAX),
        MAX_SCANNED
    )
    .fetch_optional(pool)
    .await
}

async fn scan(
    pool: &PgPool,
    filter: &SubmissionFilter,
    accounts: Option<&[i64]>,
    last: Option<i64>,
) -> Result<Vec<Submission>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("eqp.event as newest").push(ASSEMBLED);
    // Only the last change of a submission is listed.
    query.push(" where newest.kind = 'submission' and newest.applied and submission.seq = newest.seq");
    condition(&mut query, "newest.seq < ", filter.before_seq);
    condition(&mut query, "newest.seq > ", last);
    matching(&mut query, filter, accounts);
    query.push(" order by newest.seq desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

async fn lookup(
    pool: &PgPool,
    filter: &SubmissionFilter,
    accounts: Option<&[i64]>,
    candidates: Candidates,
) -> Result<Vec<Submission>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("unnest(").push_bind(candidates.accounts).push("::bigint[], ").push_bind(candidates.ids);
    query.push("::text[]) as newest (account_id, resource_id)").push(ASSEMBLED).push(" where true");
    condition(&mut query, "submission.seq < ", filter.before_seq);
    matching(&mut query, filter, accounts);
    query.push(" order by submission.seq desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

/// Assembles every submission that the filter could match. Slow, but always complete.
async fn scan_all(
    pool: &PgPool,
    filter: &SubmissionFilter,
    accounts: Option<&[i64]>,
) -> Result<Vec<Submission>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("(select distinct account_id, resource_id from eqp.track where resource_kind = 'submission'");
    // No track of a submission has a later event than the submission.
    condition(&mut query, "event_seq < ", filter.before_seq);
    if let Some((flow, status)) = statuses(filter).next() {
        condition(&mut query, "flow = ", Some(flow));
        condition(&mut query, "status = ", Some(status));
    }
    if filter.ambiguous == Some(true) {
        query.push(" and ambiguous");
    }
    query.push(") as newest").push(ASSEMBLED).push(" where true");
    condition(&mut query, "submission.seq < ", filter.before_seq);
    matching(&mut query, filter, accounts);
    query.push(" order by submission.seq desc");
    limited(&mut query, filter.limit);
    let mut transaction = pool.begin().await?;
    query_scalar!("select set_config('jit', 'off', true)").fetch_one(&mut *transaction).await?;
    query.build_query_as().fetch_all(&mut *transaction).await
}

fn matching(query: &mut QueryBuilder<Postgres>, filter: &SubmissionFilter, accounts: Option<&[i64]>) {
    of_accounts(query, "newest.account_id", accounts);
    condition(query, "submission.item_id = ", filter.item_id.as_deref());
    condition(query, "submission.overall = ", filter.overall.as_deref());
    condition(query, "submission.technical = ", filter.technical.as_deref());
    condition(query, "submission.marketing = ", filter.marketing.as_deref());
    condition(query, "submission.ambiguous = ", filter.ambiguous);
}
