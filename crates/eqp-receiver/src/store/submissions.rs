//! Lists of submissions, newest first, in a time that does not grow with how many there are.
//!
//! A submission is its tracks put together, and nothing else is kept of it that would have to be kept in step. So the
//! newest are found along the events, which have an index in that order: the first that is met of a submission is its
//! newest. Where a filter names something rare, its few submissions are looked up instead; and where neither leads to a
//! full page soon, all that could match are put together.

use eqp_types::Flow;
use sqlx::{PgPool, Postgres, QueryBuilder, query, query_scalar};

use super::listing::{LONGEST_WALK, accounts, condition, is_full, limited, of_accounts};
use crate::project::spelled;
use crate::read::{Submission, SubmissionFilter};

/// What has no more events than this is rare.
const RARE: i64 = 1_000;

/// The account is looked up for what is shown, and not joined: the order in which events are met must stay.
const COLUMNS: &str = "
    select (select environment from eqp.account where id = newest.account_id) as environment,
           (select mage_id from eqp.account where id = newest.account_id) as mage_id,
           newest.subject as submission_id, submission.item_id, submission.overall, submission.technical,
           submission.marketing, submission.modified_at, submission.received_at, submission.event_seq, submission.tied
    from ";

/// What the tracks of each submission say together.
const PUT_TOGETHER: &str = "
    cross join lateral (
        select max(item_id)                                   as item_id,
               max(outcome) filter (where flow = 'overall')   as overall,
               max(outcome) filter (where flow = 'technical') as technical,
               max(outcome) filter (where flow = 'marketing') as marketing,
               max(modified_at)                               as modified_at,
               max(received_at)                               as received_at,
               max(event_seq)                                 as event_seq,
               bool_or(tied)                                  as tied
        from eqp.track
        where account_id = newest.account_id and kind = 'submission' and subject = newest.subject
    ) as submission";

/// Accounts and ids of submissions.
#[derive(Debug, Default)]
struct Few {
    accounts: Vec<i64>,
    ids: Vec<String>,
}

impl FromIterator<(i64, String)> for Few {
    fn from_iter<I: IntoIterator<Item = (i64, String)>>(rows: I) -> Self {
        let (accounts, ids) = rows.into_iter().unzip();
        Self { accounts, ids }
    }
}

/// Submissions that the filter lets through.
pub(crate) async fn submissions(pool: &PgPool, filter: &SubmissionFilter) -> Result<Vec<Submission>, sqlx::Error> {
    let filter = &in_kept_spelling(filter.clone());
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    if let Some(few) = named(pool, filter).await? {
        return put_together(pool, filter, accounts.as_deref(), few).await;
    }
    let last = last_of_walk(pool, filter).await?;
    let page = walk(pool, filter, accounts.as_deref(), last).await?;
    if last.is_none() || is_full(&page, filter.limit) {
        return Ok(page);
    }
    look_through_all(pool, filter, accounts.as_deref()).await
}

fn in_kept_spelling(mut filter: SubmissionFilter) -> SubmissionFilter {
    for (flow, outcome) in [
        (Flow::Overall, &mut filter.overall),
        (Flow::Technical, &mut filter.technical),
        (Flow::Marketing, &mut filter.marketing),
    ] {
        *outcome = outcome.take().map(|outcome| spelled(&flow, &outcome));
    }
    filter
}

/// The few submissions among which all are that the filter means; none where they may be many.
async fn named(pool: &PgPool, filter: &SubmissionFilter) -> Result<Option<Few>, sqlx::Error> {
    if let Some(id) = &filter.submission_id {
        let rows = query!("select distinct account_id from eqp.event where subject = $1 and kind = 'submission'", id)
            .fetch_all(pool)
            .await?;
        return Ok(Some(rows.into_iter().map(|row| (row.account_id, id.clone())).collect()));
    }
    if let Some(item_id) = &filter.item_id {
        let rows = query!(
            "select distinct account_id, subject from eqp.track where kind = 'submission' and item_id = $1",
            item_id
        )
        .fetch_all(pool)
        .await?;
        return Ok(Some(rows.into_iter().map(|row| (row.account_id, row.subject)).collect()));
    }
    for (flow, outcome) in outcomes(filter) {
        let rows = query!(
            r#"
            select account_id, subject as "subject!"
            from eqp.event
            where flow = $1 and outcome = $2 and kind = 'submission'
            order by seq desc
            limit $3
            "#,
            flow,
            outcome,
            RARE + 1
        )
        .fetch_all(pool)
        .await?;
        if let Some(few) = few(rows.into_iter().map(|row| (row.account_id, row.subject)).collect()) {
            return Ok(Some(few));
        }
    }
    if filter.tied == Some(true) {
        let rows =
            query!("select account_id, subject from eqp.track where tied and kind = 'submission' limit $1", RARE + 1)
                .fetch_all(pool)
                .await?;
        return Ok(few(rows.into_iter().map(|row| (row.account_id, row.subject)).collect()));
    }
    Ok(None)
}

/// Each of them once, unless they are more than few.
fn few(mut rows: Vec<(i64, String)>) -> Option<Few> {
    if i64::try_from(rows.len()).is_ok_and(|count| count > RARE) {
        return None;
    }
    rows.sort_unstable();
    rows.dedup();
    Some(rows.into_iter().collect())
}

fn outcomes(filter: &SubmissionFilter) -> impl Iterator<Item = (&'static str, &str)> {
    let outcomes = [
        ("overall", filter.overall.as_deref()),
        ("technical", filter.technical.as_deref()),
        ("marketing", filter.marketing.as_deref()),
    ];
    outcomes.into_iter().filter_map(|(flow, outcome)| Some((flow, outcome?)))
}

/// The event at which a walk from the start of the page is given up; none where there are not so many.
async fn last_of_walk(pool: &PgPool, filter: &SubmissionFilter) -> Result<Option<i64>, sqlx::Error> {
    query_scalar!(
        "select seq from eqp.event where seq < $1 order by seq desc offset $2 limit 1",
        filter.before_seq.unwrap_or(i64::MAX),
        LONGEST_WALK
    )
    .fetch_optional(pool)
    .await
}

async fn walk(
    pool: &PgPool,
    filter: &SubmissionFilter,
    accounts: Option<&[i64]>,
    last: Option<i64>,
) -> Result<Vec<Submission>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("eqp.event as newest").push(PUT_TOGETHER);
    // The first event that is met of a submission is the one that it stands at.
    query.push(" where newest.kind = 'submission' and newest.moved and submission.event_seq = newest.seq");
    condition(&mut query, "newest.seq < ", filter.before_seq);
    condition(&mut query, "newest.seq > ", last);
    matching(&mut query, filter, accounts);
    query.push(" order by newest.seq desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

async fn put_together(
    pool: &PgPool,
    filter: &SubmissionFilter,
    accounts: Option<&[i64]>,
    few: Few,
) -> Result<Vec<Submission>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("unnest(").push_bind(few.accounts).push("::bigint[], ").push_bind(few.ids);
    query.push("::text[]) as newest (account_id, subject)").push(PUT_TOGETHER).push(" where true");
    condition(&mut query, "submission.event_seq < ", filter.before_seq);
    matching(&mut query, filter, accounts);
    query.push(" order by submission.event_seq desc");
    limited(&mut query, filter.limit);
    query.build_query_as().fetch_all(pool).await
}

/// Puts every submission together that the filter could mean: slow, and never wrong.
async fn look_through_all(
    pool: &PgPool,
    filter: &SubmissionFilter,
    accounts: Option<&[i64]>,
) -> Result<Vec<Submission>, sqlx::Error> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("(select distinct account_id, subject from eqp.track where kind = 'submission'");
    // All tracks of a submission stand at its newest event or before.
    condition(&mut query, "event_seq < ", filter.before_seq);
    if let Some((flow, outcome)) = outcomes(filter).next() {
        condition(&mut query, "flow = ", Some(flow));
        condition(&mut query, "outcome = ", Some(outcome));
    }
    if filter.tied == Some(true) {
        query.push(" and tied");
    }
    query.push(") as newest").push(PUT_TOGETHER).push(" where true");
    condition(&mut query, "submission.event_seq < ", filter.before_seq);
    matching(&mut query, filter, accounts);
    query.push(" order by submission.event_seq desc");
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
    condition(query, "submission.tied = ", filter.tied);
}
