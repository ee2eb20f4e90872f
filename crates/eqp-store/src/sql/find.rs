//! Searches by a piece of text: submissions, files and events. Only reads.

use sqlx::{PgPool, query};
use uuid::Uuid;

use super::column::{account, read};
use crate::model::{FoundEvent, FoundResource};

/// A row of a search for submissions and files.
struct Row {
    environment: String,
    mage_id: String,
    resource_kind: String,
    resource_id: String,
    item_id: Option<String>,
    sku: Option<String>,
    version: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

impl Row {
    fn read(self) -> Result<FoundResource, sqlx::Error> {
        let (environment, mage_id) = account(&self.environment, &self.mage_id)?;
        Ok(FoundResource {
            environment,
            mage_id,
            kind: read(&self.resource_kind)?,
            resource_id: self.resource_id,
            item_id: self.item_id,
            sku: self.sku,
            version: self.version,
            name: self.name,
            status: self.status,
        })
    }
}

/// Selects the columns of [`Row`] for the resources that a query finds.
macro_rules! found {
    ($wanted:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            Row,
            $wanted + r#"
            select account.environment, account.mage_id, wanted.resource_kind as "resource_kind!",
                   wanted.resource_id as "resource_id!", track.item_id as "item_id?", detail.sku as "sku?",
                   detail.version as "version?", detail.name as "name?", track.status as "status?"
            from wanted
            join eqp.account on account.id = wanted.account_id
            left join eqp.track
                   on track.account_id = wanted.account_id and track.resource_kind = wanted.resource_kind
                  and track.resource_id = wanted.resource_id
                  and track.flow = case wanted.resource_kind when 'file' then 'malware' else 'overall' end
            left join eqp.resource_detail as detail
                   on detail.account_id = wanted.account_id and detail.resource_kind = wanted.resource_kind
                  and detail.resource_id = wanted.resource_id
            order by wanted.place, wanted.resource_id, account.id
            "#,
            $($argument),*
        )
    };
}

/// Returns the submissions and files with this ID, and the submissions with this item ID or archive, at most `limit` of each.
pub async fn by_id(pool: &PgPool, id: &str, limit: i64) -> Result<Vec<FoundResource>, sqlx::Error> {
    let rows = found!(
        r#"
        with wanted as (
            (select distinct track.account_id, track.resource_kind, track.resource_id, 1 as place
             from eqp.account as owner
             join eqp.track on track.account_id = owner.id and track.resource_kind in ('submission', 'file')
                           and track.resource_id = $1
             limit $2)
            union all
            (select distinct account_id, resource_kind, resource_id, 2
             from eqp.track
             where item_id is not null and item_id = $1 and resource_id <> $1
             limit $2)
            union all
            (select account_id, resource_kind, resource_id, 3
             from eqp.resource_detail
             where artifact_id is not null and artifact_id = $1
             limit $2)
        )
        "#,
        id,
        limit
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Returns the submissions and files whose SKU, version, title or file name contains a text, newest first, at most `limit`. Those with
/// exactly this SKU, version or name come first. The case of letters is ignored.
///
/// Reads the details of all submissions and files. Their number grows with the number of releases, not with that of callbacks.
pub async fn by_text(pool: &PgPool, text: &str, limit: i64) -> Result<Vec<FoundResource>, sqlx::Error> {
    let rows = found!(
        r#"
        with matching as (
            select account_id, resource_kind, resource_id, modified_at,
                   lower(sku) = $1 or lower(version) = $1 or lower(name) = $1 as is_exact
            from eqp.resource_detail
            where position($1 in lower(sku)) > 0 or position($1 in lower(name)) > 0 or lower(version) = $1
        ),
        wanted as (
            select account_id, resource_kind, resource_id,
                   row_number() over (order by is_exact is true desc, modified_at desc nulls last) as place
            from matching
            order by place
            limit $2
        )
        "#,
        text.to_lowercase(),
        limit
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Returns the event with this number, and the events of the callback or API read with this ID.
pub async fn events(pool: &PgPool, seq: Option<i64>, report: Option<Uuid>) -> Result<Vec<FoundEvent>, sqlx::Error> {
    let rows = query!(
        r#"
        select environment, mage_id, event.seq as "seq!", resource_id, flow, status, received_at as "received_at!"
        from (select * from eqp.event where seq = $1
              union all
              select * from eqp.event where callback_id = $2
              union all
              select * from eqp.event where api_read_id is not null and api_read_id = $2) as event
        join eqp.account on account.id = event.account_id
        order by event.seq
        limit 100
        "#,
        seq,
        report
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            Ok(FoundEvent {
                environment,
                mage_id,
                seq: row.seq,
                resource_id: row.resource_id,
                flow: row.flow,
                status: row.status,
                received_at: row.received_at,
            })
        })
        .collect()
}
