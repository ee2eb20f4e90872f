//! Finds the reports of resources that are projected again, and removes the previous result.

use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::column::{ResourceColumns, resource};
use crate::model::{ReportId, Resource};

/// Returns projected callbacks and API reads with an ID after `after`, in the order of their IDs.
pub async fn projected_after(
    connection: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> Result<Vec<ReportId>, sqlx::Error> {
    let callbacks = query_scalar!(
        r#"
        select callback.id
        from eqp.callback
        where callback.id > $1
          and exists (select from eqp.callback_disposition where callback_id = callback.id)
        order by callback.id
        limit $2
        "#,
        after,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    let reads = query_scalar!(
        r#"
        select api_read.id
        from eqp.api_read
        where api_read.id > $1
          and exists (select from eqp.api_read_disposition where api_read_id = api_read.id)
        order by api_read.id
        limit $2
        "#,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    let mut reports: Vec<ReportId> = callbacks.into_iter().map(ReportId::Callback).collect();
    reports.extend(reads.into_iter().map(ReportId::ApiRead));
    reports.sort_unstable_by_key(|report| report.uuid());
    reports.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(reports)
}

/// Returns the submissions and files with this ID, of all accounts.
pub async fn resources_with_id(connection: &mut PgConnection, id: &str) -> Result<Vec<Resource>, sqlx::Error> {
    let rows = query!(
        "select distinct account_id, kind from eqp.event where resource_id = $1 and kind in ('submission', 'file')",
        id
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| resource(row.account_id, &row.kind, id.to_owned())).collect()
}

/// Returns the report of each event of these resources, or `None` for an event without one.
///
/// `offset 0` makes Postgres use the index by resource, regardless of the statistics of other indexes.
pub async fn origins(
    connection: &mut PgConnection,
    resources: &[Resource],
) -> Result<Vec<(Resource, Option<ReportId>)>, sqlx::Error> {
    let wanted: ResourceColumns<'_> = resources.iter().collect();
    let rows = query!(
        r#"
        select event.account_id, event.kind, event.resource_id as "resource_id!", event.callback_id, event.api_read_id
        from unnest($1::bigint[], $2::text[], $3::text[]) as wanted (account_id, kind, resource_id)
        cross join lateral (
            select account_id, kind, resource_id, callback_id, api_read_id
            from eqp.event
            where resource_id = wanted.resource_id
            offset 0
        ) as event
        where event.account_id = wanted.account_id and event.kind = wanted.kind
        "#,
        &wanted.accounts,
        &wanted.kinds as &[&str],
        &wanted.ids as &[&str],
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let report = ReportId::of_columns(row.callback_id, row.api_read_id);
            Ok((resource(row.account_id, &row.kind, row.resource_id)?, report))
        })
        .collect()
}

/// Deletes events, tracks and dispositions that will be replaced.
pub async fn remove(
    connection: &mut PgConnection,
    events: &[i64],
    tracks: &[i64],
    reports: &[ReportId],
) -> Result<(), sqlx::Error> {
    let callbacks: Vec<Uuid> = reports.iter().filter_map(|report| report.callback()).collect();
    let reads: Vec<Uuid> = reports.iter().filter_map(|report| report.api_read()).collect();
    query!("delete from eqp.event where seq = any($1)", events).execute(&mut *connection).await?;
    query!("delete from eqp.track where id = any($1)", tracks).execute(&mut *connection).await?;
    query!("delete from eqp.callback_disposition where callback_id = any($1)", &callbacks)
        .execute(&mut *connection)
        .await?;
    query!("delete from eqp.api_read_disposition where api_read_id = any($1)", &reads).execute(connection).await?;
    Ok(())
}
