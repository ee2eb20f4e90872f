//! Weekly digests: `eqp.fanout.digest_at`, and what they contain.

use eqp_types::Flow;
use sqlx::{PgConnection, PgPool, query};
use time::OffsetDateTime;

use super::column::account;
use super::new_deliveries::{Columns, move_and_insert};
use super::store_version::query_with_store_version;
use crate::model::{DigestPosition, DigestedChange, DigestedSubmission, NewDelivery};

/// The most submissions and changes that are read.
const SUBMISSIONS: i64 = 1_000;
const CHANGES: i64 = 5_000;

/// Returns the end of the last week for which digests were created.
pub async fn position(pool: &PgPool) -> Result<DigestPosition, sqlx::Error> {
    let row = query!(r#"select digest_at, now() as "now!", generation from eqp.fanout"#).fetch_one(pool).await?;
    Ok(DigestPosition { last: row.digest_at, now: row.now, generation: row.generation })
}

/// Locks the position. Returns `None` if another process has locked the fan-out.
pub async fn try_lock(connection: &mut PgConnection) -> Result<Option<DigestPosition>, sqlx::Error> {
    let row = query!(r#"select digest_at, now() as "now!", generation from eqp.fanout for update skip locked"#)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| DigestPosition { last: row.digest_at, now: row.now, generation: row.generation }))
}

/// Moves the locked position to the end of a week, and inserts the deliveries of its digests.
pub async fn create(
    connection: &mut PgConnection,
    week: OffsetDateTime,
    deliveries: &[NewDelivery],
) -> Result<(), sqlx::Error> {
    let columns = Columns::of(deliveries);
    move_and_insert!("update eqp.fanout set digest_at = $7", columns, week).fetch_one(connection).await?;
    Ok(())
}

/// Returns the submissions that have changed in a time or are in review, by product.
pub async fn submissions(
    pool: &PgPool,
    (from, to): (OffsetDateTime, OffsetDateTime),
) -> Result<Vec<DigestedSubmission>, sqlx::Error> {
    let rows = query_with_store_version!(
        r#"
        with changed as (
            -- Without `offset 0`, Postgres could read all events in the order of their number.
            select account_id, resource_id, kind, applied, origin
            from eqp.event
            where received_at >= $1 and received_at < $2
            offset 0
        ), wanted as (
            select account_id, resource_id, bool_or(in_review) as in_review
            from (
                select account_id, resource_id, false as in_review
                from changed
                where kind = 'submission' and applied and origin <> 'baseline' and resource_id is not null
                union all
                select account_id, resource_id, true as in_review
                from eqp.track
                where resource_kind = 'submission'
                  and status in ('queued', 'in-progress', 'in_automation', 'awaiting_manual_qa', 'in_manual_qa',
                                 'awaiting_marketing_review', 'in_marketing_review')
                  and not exists (
                      select
                      from eqp.track as overall
                      where overall.account_id = track.account_id and overall.resource_kind = track.resource_kind
                        and overall.resource_id = track.resource_id and overall.flow = 'overall'
                        and overall.status in ('released_to_store', 'developer_removed_from_store',
                                               'admin_removed_from_store', 'canceled_by_developer', 'canceled_by_admin')
                  )
            ) as either
            group by account_id, resource_id
        )
        select account.environment, account.mage_id, wanted.resource_id as "resource_id!", wanted.in_review as "in_review!",
               detail.sku as "sku?", detail.version as "version?",
               (select coalesce(array_agg(track.flow order by track.id), '{}')
                from eqp.track
                where track.account_id = wanted.account_id and track.resource_kind = 'submission'
                  and track.resource_id = wanted.resource_id) as "flows!",
               (select coalesce(array_agg(track.status order by track.id), '{}')
                from eqp.track
                where track.account_id = wanted.account_id and track.resource_kind = 'submission'
                  and track.resource_id = wanted.resource_id) as "statuses!",
        "#,
        r#"
        from wanted
        join eqp.account on account.id = wanted.account_id
        left join eqp.resource_detail as detail
          on detail.account_id = wanted.account_id and detail.resource_kind = 'submission'
         and detail.resource_id = wanted.resource_id
        order by account.environment, account.mage_id, detail.sku nulls last, detail.version nulls last, wanted.resource_id
        limit $3
        "#,
        from,
        to,
        SUBMISSIONS
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            Ok(DigestedSubmission {
                environment,
                mage_id,
                resource_id: row.resource_id,
                sku: row.sku,
                version: row.version,
                statuses: row.flows.into_iter().zip(row.statuses).collect(),
                store_version: row.store_version,
                is_in_review: row.in_review,
            })
        })
        .collect()
}

/// Returns the changes of submissions in a time, oldest first, without those of the baseline and late ones.
pub async fn changes(
    pool: &PgPool,
    (from, to): (OffsetDateTime, OffsetDateTime),
) -> Result<Vec<DigestedChange>, sqlx::Error> {
    let rows = query!(
        r#"
        with changed as (
            select seq, track_id, account_id, resource_id, flow, status, kind, applied, origin, received_at
            from eqp.event
            where received_at >= $1 and received_at < $2
            offset 0
        )
        select account.environment, account.mage_id, changed.resource_id as "resource_id!", changed.flow as "flow!",
               changed.status as "status!", changed.received_at as "received_at!",
               (select earlier.status
                from eqp.event as earlier
                where earlier.resource_id = changed.resource_id and earlier.seq < changed.seq
                  and earlier.track_id = changed.track_id and earlier.applied
                order by earlier.seq desc
                limit 1) as previous_status
        from changed
        join eqp.account on account.id = changed.account_id
        where changed.kind = 'submission' and changed.applied and changed.origin <> 'baseline'
          and changed.resource_id is not null and changed.flow is not null and changed.status is not null
        order by changed.seq
        limit $3
        "#,
        from,
        to,
        CHANGES
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            Ok(DigestedChange {
                environment,
                mage_id,
                resource_id: row.resource_id,
                flow: Flow::from(row.flow.as_str()),
                status: row.status,
                previous_status: row.previous_status,
                at: row.received_at,
            })
        })
        .collect()
}
