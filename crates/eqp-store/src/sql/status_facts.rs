//! The facts from which the status of products is derived. Only reads.

use eqp_types::Environment;
use sqlx::{PgPool, query, query_as, query_scalar};

use super::column::{account, timestamp};
use crate::model::{AccountId, ArtifactFacts, ChannelAccount, ChannelEndpoint, SubmissionFacts, TrackFacts};

/// The most submissions that are read: of those that are not finished, of those that are or were in the store, and of a few products.
pub const UNFINISHED: i64 = 2_000;
pub const IN_STORE: i64 = 8_000;
pub const OF_PRODUCTS: i64 = 2_000;
/// The most accounts and endpoints that are read.
const ACCOUNTS: i64 = 1_000;

/// A track with the details of its submission.
struct Row {
    id: i64,
    account_id: i64,
    submission_id: String,
    item_id: Option<String>,
    flow: String,
    status: String,
    modified_at: Option<time::OffsetDateTime>,
    received_at: time::OffsetDateTime,
    ambiguous: bool,
    unconfirmed: bool,
    sku: Option<String>,
    version: Option<String>,
    name: Option<String>,
    package_type: Option<String>,
    is_patch: Option<bool>,
    details: Option<String>,
}

impl Row {
    fn track(&self) -> TrackFacts {
        TrackFacts {
            track: self.id,
            flow: self.flow.clone(),
            status: self.status.clone(),
            modified_at: timestamp(self.modified_at),
            received_at: self.received_at,
            is_ambiguous: self.ambiguous,
            is_unconfirmed: self.unconfirmed,
        }
    }

    fn submission(self) -> SubmissionFacts {
        SubmissionFacts {
            account: AccountId(self.account_id),
            submission_id: self.submission_id,
            item_id: self.item_id,
            sku: self.sku,
            version: self.version,
            name: self.name,
            package_type: self.package_type,
            is_patch: self.is_patch,
            details: self.details,
            tracks: Vec::new(),
        }
    }
}

/// Selects the columns of [`Row`] from the given tables.
macro_rules! rows {
    ($from:literal, $($argument:expr),* $(,)?) => {
        query_as!(
            Row,
            r#"
            select track.id as "id!", track.account_id as "account_id!", track.resource_id as "submission_id!",
                   track.item_id, track.flow as "flow!", track.status as "status!", track.modified_at,
                   track.received_at as "received_at!", track.ambiguous as "ambiguous!",
                   track.unconfirmed as "unconfirmed!", detail.sku as "sku?", detail.version as "version?",
                   detail.name as "name?", detail.package_type as "package_type?", detail.is_patch as "is_patch?",
                   detail.details::text as "details?"
            "# + $from,
            $($argument),*
        )
    };
}

/// Puts the tracks of each submission together. The rows of a submission follow each other.
fn submissions(rows: Vec<Row>) -> Vec<SubmissionFacts> {
    let mut submissions: Vec<SubmissionFacts> = Vec::new();
    for row in rows {
        let track = row.track();
        let is_same = |last: &SubmissionFacts| {
            last.account == AccountId(row.account_id) && last.submission_id == row.submission_id
        };
        if !submissions.last().is_some_and(is_same) {
            submissions.push(row.submission());
        }
        submissions.last_mut().expect("one was just added").tracks.push(track);
    }
    submissions
}

/// Returns the submissions of these accounts that are not finished, with all of their tracks, at most [`UNFINISHED`].
pub async fn unfinished(pool: &PgPool, accounts: &[i64]) -> Result<Vec<SubmissionFacts>, sqlx::Error> {
    let rows = rows!(
        r#"
        from (select account_id, resource_id
              from eqp.track
              where account_id = any($1) and resource_kind = 'submission'
                and (flow = 'overall' and status not in ('released_to_store', 'developer_removed_from_store',
                                                         'admin_removed_from_store', 'canceled_by_developer',
                                                         'canceled_by_admin')
                     or flow in ('technical', 'marketing')
                        and status not in ('draft', 'approved', 'approved_with_modifications_pending', 'recalled'))
              group by account_id, resource_id
              order by max(event_seq) desc
              limit $2) as unfinished
        join eqp.track on track.account_id = unfinished.account_id and track.resource_kind = 'submission'
                      and track.resource_id = unfinished.resource_id
        left join eqp.resource_detail as detail
               on detail.account_id = track.account_id and detail.resource_kind = 'submission'
              and detail.resource_id = track.resource_id
        order by track.account_id, track.resource_id, track.flow
        "#,
        accounts,
        UNFINISHED
    )
    .fetch_all(pool)
    .await?;
    Ok(submissions(rows))
}

/// Returns the newest submissions of these accounts that are or were in the store, or that Adobe has canceled, with their overall track
/// only, at most [`IN_STORE`].
pub async fn in_store(pool: &PgPool, accounts: &[i64]) -> Result<Vec<SubmissionFacts>, sqlx::Error> {
    let rows = rows!(
        r#"
        from (select *
              from eqp.track
              where account_id = any($1) and resource_kind = 'submission' and flow = 'overall'
                and status in ('released_to_store', 'developer_removed_from_store', 'admin_removed_from_store',
                               'canceled_by_admin')
              order by event_seq desc
              limit $2) as track
        left join eqp.resource_detail as detail
               on detail.account_id = track.account_id and detail.resource_kind = 'submission'
              and detail.resource_id = track.resource_id
        order by track.account_id, track.resource_id
        "#,
        accounts,
        IN_STORE
    )
    .fetch_all(pool)
    .await?;
    Ok(submissions(rows))
}

/// Returns all submissions of these products in these accounts, at most [`OF_PRODUCTS`].
pub async fn of_products(
    pool: &PgPool,
    accounts: &[i64],
    skus: &[String],
) -> Result<Vec<SubmissionFacts>, sqlx::Error> {
    let rows = rows!(
        r#"
        from (select *
              from eqp.resource_detail
              where sku = any($2) and account_id = any($1) and resource_kind = 'submission'
              order by modified_at desc nulls last
              limit $3) as detail
        join eqp.track on track.account_id = detail.account_id and track.resource_kind = 'submission'
                      and track.resource_id = detail.resource_id
        order by track.account_id, track.resource_id, track.flow
        "#,
        accounts,
        skus,
        OF_PRODUCTS
    )
    .fetch_all(pool)
    .await?;
    Ok(submissions(rows))
}

/// Returns the submissions with this ID in these accounts, with all of their tracks.
pub async fn of_submission(
    pool: &PgPool,
    accounts: &[i64],
    submission: &str,
) -> Result<Vec<SubmissionFacts>, sqlx::Error> {
    let rows = rows!(
        r#"
        from eqp.track
        left join eqp.resource_detail as detail
               on detail.account_id = track.account_id and detail.resource_kind = 'submission'
              and detail.resource_id = track.resource_id
        where track.account_id = any($1) and track.resource_kind = 'submission' and track.resource_id = $2
        order by track.account_id, track.resource_id, track.flow
        "#,
        accounts,
        submission
    )
    .fetch_all(pool)
    .await?;
    Ok(submissions(rows))
}

/// Returns the stored spellings of these SKUs. The case of letters is ignored.
pub async fn spellings(pool: &PgPool, skus: &[String]) -> Result<Vec<String>, sqlx::Error> {
    let lowercase: Vec<_> = skus.iter().map(|sku| sku.to_lowercase()).collect();
    let both = [skus, &lowercase].concat();
    let mut found = query_scalar!(
        r#"select distinct sku as "sku!" from eqp.resource_detail where sku is not null and sku = any($1)"#,
        &both
    )
    .fetch_all(pool)
    .await?;
    let is_found = |sku: &String| found.iter().any(|found| found.to_lowercase() == *sku);
    let missing: Vec<_> = lowercase.into_iter().filter(|sku| !is_found(sku)).collect();
    if !missing.is_empty() {
        // Composer's names are in small letters, so this reads all details for unknown SKUs only.
        let others = query_scalar!(
            r#"select distinct sku as "sku!" from eqp.resource_detail where sku is not null and lower(sku) = any($1)"#,
            &missing
        );
        found.extend(others.fetch_all(pool).await?);
    }
    Ok(found)
}

/// Returns the submissions that these archives belong to.
pub async fn of_artifacts(
    pool: &PgPool,
    accounts: &[i64],
    files: &[String],
) -> Result<Vec<ArtifactFacts>, sqlx::Error> {
    let rows = query!(
        r#"
        select account_id, resource_id, artifact_id as "artifact_id!"
        from eqp.resource_detail
        where artifact_id is not null and artifact_id = any($2) and account_id = any($1) and resource_kind = 'submission'
        limit $3
        "#,
        accounts,
        files,
        UNFINISHED
    )
    .fetch_all(pool)
    .await?;
    let facts = rows.into_iter().map(|row| ArtifactFacts {
        account: AccountId(row.account_id),
        file_id: row.artifact_id,
        submission_id: row.resource_id,
    });
    Ok(facts.collect())
}

/// Returns the accounts of an environment, or all, with their last contacts to the Marketplace.
pub async fn accounts(pool: &PgPool, environment: Option<Environment>) -> Result<Vec<ChannelAccount>, sqlx::Error> {
    let rows = query!(
        r#"
        select account.id, account.environment, account.mage_id,
               exists (select from eqp.access_key where access_key.account_id = account.id) as "has_key!",
               (select max(credential.last_used_at)
                from eqp.credential
                join eqp.endpoint on endpoint.id = credential.endpoint_id
                where endpoint.account_id = account.id) as last_callback_at,
               success.finished_at as "reconciled_at?", success.stored as "stored?", newest.error as "error?"
        from eqp.account
        left join lateral (
            select finished_at, stored
            from eqp.reconcile_run
            where account_id = account.id and finished_at is not null and error is null and kind <> 'selected'
            order by id desc
            limit 1
        ) as success on true
        left join lateral (
            select error
            from eqp.reconcile_run
            where account_id = account.id and finished_at is not null
            order by id desc
            limit 1
        ) as newest on true
        where $1::text is null or account.environment = $1
        order by account.environment, account.mage_id
        limit $2
        "#,
        environment.map(Environment::as_str),
        ACCOUNTS
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            Ok(ChannelAccount {
                account: AccountId(row.id),
                environment,
                mage_id,
                has_key: row.has_key,
                last_callback_at: row.last_callback_at,
                reconciled_at: row.reconciled_at,
                reconciled: row.stored.unwrap_or_default().unsigned_abs(),
                reconcile_error: row.error,
            })
        })
        .collect()
}

/// Returns the endpoints of these accounts that are registered or about to be. One that was removed still accepts callbacks for some time.
pub async fn endpoints(pool: &PgPool, accounts: &[i64]) -> Result<Vec<ChannelEndpoint>, sqlx::Error> {
    let rows = query!(
        r#"
        select endpoint.account_id, endpoint.name,
               exists (select from eqp.credential
                       where credential.endpoint_id = endpoint.id and credential.state = 'active') as "is_registered!",
               registration.state as "state?", registration.consistent as "is_consistent?"
        from eqp.endpoint
        left join eqp.registration_check as registration on registration.endpoint_id = endpoint.id
        where endpoint.account_id = any($1) and endpoint.retired_at is null
          and exists (select from eqp.credential
                      where credential.endpoint_id = endpoint.id and credential.state in ('pending', 'active'))
        order by endpoint.name
        limit $2
        "#,
        accounts,
        ACCOUNTS
    )
    .fetch_all(pool)
    .await?;
    let endpoints = rows.into_iter().map(|row| ChannelEndpoint {
        account: AccountId(row.account_id),
        name: row.name,
        is_registered: row.is_registered,
        checked: row.state.zip(row.is_consistent),
    });
    Ok(endpoints.collect())
}
