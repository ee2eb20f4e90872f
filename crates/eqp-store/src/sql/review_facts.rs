//! The facts about reviews from which alerts are derived: which are in progress, and how long earlier ones took. Only reads.

use sqlx::{PgConnection, PgExecutor, PgPool, query};
use time::OffsetDateTime;

use super::column::{account, read};
use crate::model::{AccountId, ProductStatusEntry, StatusEntry, TrackInReview, UnconfirmedStatus};

/// The most tracks in review that are considered.
const TRACKS: i64 = 5_000;
/// The most events that are read of the tracks in review, and of the history of an account.
const EVENTS: i64 = 20_000;
/// The most events that are read of the history of all products.
const PRODUCT_EVENTS: i64 = 50_000;

/// Returns the tracks that wait for the Marketplace: all, or those of one resource. A submission that was canceled, removed or
/// released waits for nothing.
pub async fn in_review(
    executor: impl PgExecutor<'_>,
    resource_id: Option<&str>,
) -> Result<Vec<TrackInReview>, sqlx::Error> {
    let rows = query!(
        r#"
        select track.id, track.account_id, account.mage_id, track.resource_kind, track.resource_id, track.flow, track.status,
               detail.sku as "sku?", detail.version as "version?", detail.package_type as "package_type?"
        from eqp.track
        join eqp.account on account.id = track.account_id
        left join eqp.resource_detail as detail using (account_id, resource_kind, resource_id)
        where track.status in ('queued', 'in-progress', 'in_automation', 'awaiting_manual_qa', 'in_manual_qa',
                               'awaiting_marketing_review', 'in_marketing_review')
          and ($1::text is null or track.resource_id = $1)
          and not exists (
              select
              from eqp.track as overall
              where overall.account_id = track.account_id and overall.resource_kind = track.resource_kind
                and overall.resource_id = track.resource_id and overall.flow = 'overall'
                and overall.status in ('released_to_store', 'developer_removed_from_store', 'admin_removed_from_store',
                                       'canceled_by_developer', 'canceled_by_admin')
          )
        order by track.account_id, track.resource_id, track.flow
        limit $2
        "#,
        resource_id,
        TRACKS
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(TrackInReview {
                track: row.id,
                account: AccountId(row.account_id),
                mage_id: read(&row.mage_id)?,
                kind: read(&row.resource_kind)?,
                resource_id: row.resource_id,
                flow: row.flow,
                status: row.status,
                sku: row.sku,
                version: row.version,
                package_type: row.package_type,
            })
        })
        .collect()
}

/// Returns the statuses that these tracks have had, oldest first.
pub async fn statuses(
    executor: impl PgExecutor<'_>,
    tracks: &[TrackInReview],
) -> Result<Vec<StatusEntry>, sqlx::Error> {
    let ids: Vec<_> = tracks.iter().map(|track| track.track).collect();
    let resources: Vec<_> = tracks.iter().map(|track| track.resource_id.as_str()).collect();
    let rows = query!(
        r#"
        select track_id as "track_id!", status as "status!", received_at as "received_at!", origin as "origin!"
        from (select seq, track_id, status, received_at, origin
              from eqp.event
              where resource_id = any($2) and track_id = any($1) and applied and status is not null
              order by seq desc
              limit $3) as newest
        order by seq
        "#,
        &ids,
        &resources as &[&str],
        EVENTS
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            let origin = read(&row.origin)?;
            let (track, status, received_at) = (row.track_id, row.status, row.received_at);
            Ok(StatusEntry { track, status, received_at, origin, package_type: None })
        })
        .collect()
}

/// Returns the statuses that the tracks of an account have had since a time, oldest first.
pub async fn history(
    executor: impl PgExecutor<'_>,
    account: AccountId,
    since: OffsetDateTime,
) -> Result<Vec<StatusEntry>, sqlx::Error> {
    let rows = query!(
        r#"
        select track_id as "track_id!", status as "status!", received_at as "received_at!", origin as "origin!",
               detail.package_type as "package_type?"
        from (select seq, track_id, account_id, kind as resource_kind, resource_id, status, received_at, origin
              from eqp.event
              where account_id = $1 and flow in ('technical', 'marketing', 'malware') and applied and status is not null
              order by seq desc
              limit $3) as newest
        left join eqp.resource_detail as detail using (account_id, resource_kind, resource_id)
        where received_at >= $2
        order by seq
        "#,
        account.0,
        since,
        EVENTS
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (origin, package_type) = (read(&row.origin)?, row.package_type);
            let (track, status, received_at) = (row.track_id, row.status, row.received_at);
            Ok(StatusEntry { track, status, received_at, origin, package_type })
        })
        .collect()
}

/// Returns the statuses that the reviews of all products have had since a time, oldest first.
pub async fn of_products(pool: &PgPool, since: OffsetDateTime) -> Result<Vec<ProductStatusEntry>, sqlx::Error> {
    let rows = query!(
        r#"
        select newest.track_id as "track_id!", newest.status as "status!", newest.received_at as "received_at!",
               newest.origin as "origin!", newest.resource_id as "resource_id!", account.environment, account.mage_id,
               detail.sku as "sku!", detail.package_type
        from (select seq, track_id, account_id, resource_id, status, received_at, origin
              from eqp.event
              where flow in ('technical', 'marketing') and kind = 'submission' and applied and status is not null
                and received_at >= $1
              order by seq desc
              limit $2) as newest
        join eqp.account on account.id = newest.account_id
        join eqp.resource_detail as detail
          on detail.account_id = newest.account_id and detail.resource_kind = 'submission'
         and detail.resource_id = newest.resource_id and detail.sku is not null
        order by newest.seq
        "#,
        since,
        PRODUCT_EVENTS
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            let (origin, package_type) = (read(&row.origin)?, row.package_type);
            let (track, status, received_at) = (row.track_id, row.status, row.received_at);
            let entry = StatusEntry { track, status, received_at, origin, package_type };
            Ok(ProductStatusEntry { environment, mage_id, sku: row.sku, submission_id: row.resource_id, entry })
        })
        .collect()
}

/// Returns the statuses that the API has contradicted before a time, and that no later report has confirmed.
pub async fn unconfirmed(
    connection: &mut PgConnection,
    before: OffsetDateTime,
) -> Result<Vec<UnconfirmedStatus>, sqlx::Error> {
    let rows = query!(
        r#"
        select track.account_id, track.resource_id, track.flow, track.status, track.received_at,
               detail.sku as "sku?", detail.version as "version?"
        from eqp.track
        left join eqp.resource_detail as detail using (account_id, resource_kind, resource_id)
        where track.unconfirmed and track.received_at <= $1
        order by track.account_id, track.resource_id, track.flow
        limit $2
        "#,
        before,
        TRACKS
    )
    .fetch_all(connection)
    .await?;
    let unconfirmed = rows.into_iter().map(|row| UnconfirmedStatus {
        account: AccountId(row.account_id),
        resource_id: row.resource_id,
        flow: row.flow,
        status: row.status,
        since: row.received_at,
        sku: row.sku,
        version: row.version,
    });
    Ok(unconfirmed.collect())
}
