//! `eqp.resource_detail`: what lists show about a resource beside its statuses.

use std::collections::HashMap;

use sqlx::{PgPool, query};

use super::column::{ResourceColumns, moment, resource, timestamp};
use crate::model::{Resource, ResourceDetail};

/// Stores the details of a resource in place of earlier ones.
pub async fn store(pool: &PgPool, resource: &Resource, detail: &ResourceDetail) -> Result<(), sqlx::Error> {
    query!(
        r#"
        insert into eqp.resource_detail as stored (account_id, resource_kind, resource_id, modified_at, sku, version, name,
                                                   package_type, details)
        values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::text::jsonb, '{}'))
        on conflict (account_id, resource_kind, resource_id) do update
        set modified_at = excluded.modified_at, sku = excluded.sku, version = excluded.version, name = excluded.name,
            package_type = excluded.package_type, details = excluded.details, read_at = now()
        where stored.modified_at is null or excluded.modified_at is null or stored.modified_at <= excluded.modified_at
        "#,
        resource.account_id,
        resource.kind.as_str(),
        resource.id,
        moment(detail.modified_at),
        detail.sku,
        detail.version,
        detail.name,
        detail.package_type,
        detail.details,
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
               package_type, details::text as "details!"
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
                details: Some(row.details),
            };
            Ok((resource(row.account_id, &row.resource_kind, row.resource_id)?, detail))
        })
        .collect()
}
