//! Lists the products of which submissions are known. Only reads.

use sqlx::{PgPool, query, query_scalar};

use super::column::account;
use super::listing::accounts;
use crate::model::{HIGHEST_LIMIT, ProductFilter, ProductVersion};

/// Returns a page of SKUs, and all versions of these products, those that were first reported first.
pub async fn list(pool: &PgPool, filter: &ProductFilter) -> Result<(Vec<String>, Vec<ProductVersion>), sqlx::Error> {
    let accounts = accounts(pool, filter.environment, filter.mage_id.as_ref()).await?;
    // Sorted by Postgres, whose order can differ from that of Rust.
    let skus = query_scalar!(
        r#"
        select sku as "sku!"
        from ((select sku
               from eqp.resource_detail
               where sku is not null and sku > $1 and resource_kind = 'submission'
                 and ($3::bigint[] is null or account_id = any($3))
               group by sku
               order by sku
               limit $4)
              union
              (select sku from unnest($2::text[]) as configured (sku) where sku > $1 order by sku limit $4)) as known
        order by sku
        limit $4
        "#,
        filter.after_sku.as_deref().unwrap_or_default(),
        &filter.configured,
        accounts.as_deref(),
        i64::from(filter.limit.min(HIGHEST_LIMIT))
    )
    .fetch_all(pool)
    .await?;
    let rows = query!(
        r#"
        select environment, mage_id, detail.sku as "sku!", detail.version, detail.name, track.status as "status?"
        from eqp.resource_detail as detail
        join eqp.account on account.id = detail.account_id
        left join eqp.track on track.account_id = detail.account_id and track.resource_kind = 'submission'
                           and track.resource_id = detail.resource_id and track.flow = 'overall'
        where detail.sku is not null and detail.sku = any($1) and detail.resource_kind = 'submission'
          and ($2::bigint[] is null or detail.account_id = any($2))
        order by track.id nulls first
        "#,
        &skus,
        accounts.as_deref()
    )
    .fetch_all(pool)
    .await?;
    let versions = rows.into_iter().map(|row| {
        let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
        let (sku, version, name, overall) = (row.sku, row.version, row.name, row.status);
        Ok(ProductVersion { environment, mage_id, sku, version, name, overall })
    });
    let versions = versions.collect::<Result<_, sqlx::Error>>()?;
    Ok((skus, versions))
}
