//! `eqp.resource_detail`: what lists show about a resource beside its statuses.

use std::collections::HashMap;

use sqlx::{PgPool, query};
use time::OffsetDateTime;

use super::column::{ResourceColumns, moment, resource, timestamp};
use crate::model::{Resource, ResourceDetail};

/// Stores the details of resources in place of earlier ones, in one statement. No resource may occur twice.
pub async fn store(pool: &PgPool, details: &[(Resource, ResourceDetail)]) -> Result<(), sqlx::Error> {
    let resources: ResourceColumns<'_> = details.iter().map(|(resource, _)| resource).collect();
    let modified: Vec<_> = details.iter().map(|(_, detail)| moment(detail.modified_at)).collect();
    let skus: Vec<_> = details.iter().map(|(_, detail)| detail.sku.as_deref()).collect();
    let versions: Vec<_> = details.iter().map(|(_, detail)| detail.version.as_deref()).collect();
    let names: Vec<_> = details.iter().map(|(_, detail)| detail.name.as_deref()).collect();
    let types: Vec<_> = details.iter().map(|(_, detail)| detail.package_type.as_deref()).collect();
    let patches: Vec<_> = details.iter().map(|(_, detail)| detail.is_patch).collect();
    let artifacts: Vec<_> = details.iter().map(|(_, detail)| detail.artifact_id.as_deref()).collect();
    let others: Vec<_> = details.iter().map(|(_, detail)| detail.details.as_deref()).collect();
    query!(
        r#"
        insert into eqp.resource_detail as stored (account_id, resource_kind, resource_id, modified_at, sku, version, name,
                                                   package_type, is_patch, artifact_id, details)
        select account_id, resource_kind, resource_id, modified_at, sku, version, name, package_type, is_patch, artifact_id,
               coalesce(details::jsonb, '{}')
        from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                    $8::text[], $9::boolean[], $10::text[], $11::text[])
             as new (account_id, resource_kind, resource_id, modified_at, sku, version, name, package_type, is_patch,
                     artifact_id, details)
        on conflict (account_id, resource_kind, resource_id) do update
        set modified_at = excluded.modified_at, sku = excluded.sku, version = excluded.version, name = excluded.name,
            package_type = excluded.package_type, is_patch = excluded.is_patch, artifact_id = excluded.artifact_id,
            details = excluded.details, read_at = now()
        where stored.modified_at is null or excluded.modified_at is null or stored.modified_at <= excluded.modified_at
        "#,
        &resources.accounts,
        &resources.kinds as &[&str],
        &resources.ids as &[&str],
        &modified as &[Option<OffsetDateTime>],
        &skus as &[Option<&str>],
        &versions as &[Option<&str>],
        &names as &[Option<&str>],
        &types as &[Option<&str>],
        &patches as &[Option<bool>],
        &artifacts as &[Option<&str>],
        &others as &[Option<&str>],
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Returns the stored details of these resources.
pub async fn load(pool: &PgPool, resources: &[Resource]) -> Result<HashMap<Resource, ResourceDetail>, sqlx::Error> {
    let wanted: ResourceColumns<'_> = resources.iter().collect();
    let rows = query!(
        r#"
        select detail.account_id, detail.resource_kind, detail.resource_id, modified_at, sku, version, name,
               package_type, is_patch, artifact_id, details::text as "details!"
        from unnest($1::bigint[], $2::text[], $3::text[]) as wanted (account_id, resource_kind, resource_id)
        join eqp.resource_detail as detail using (account_id, resource_kind, resource_id)
        "#,
        &wanted.accounts,
        &wanted.kinds as &[&str],
        &wanted.ids as &[&str],
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let detail = ResourceDetail {
                modified_at: timestamp(row.modified_at),
                sku: row.sku,
                version: row.version,
                name: row.name,
                package_type: row.package_type,
                is_patch: row.is_patch,
                artifact_id: row.artifact_id,
                details: Some(row.details),
            };
            Ok((resource(row.account_id, &row.resource_kind, row.resource_id)?, detail))
        })
        .collect()
}
