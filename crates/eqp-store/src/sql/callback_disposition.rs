//! Reads and writes the table `eqp.callback_disposition`, which contains the disposition of each projected callback.

use std::collections::HashMap;

use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::column::read;
use crate::model::{ContentDigest, ProjectedCallback};

/// Returns the first callback with each of these contents, if there is one.
pub async fn first_with_content(
    connection: &mut PgConnection,
    digests: &[ContentDigest],
) -> Result<HashMap<ContentDigest, Uuid>, sqlx::Error> {
    let digests: Vec<&[u8]> = digests.iter().map(<[u8; 16]>::as_slice).collect();
    let rows = query!(
        r#"
        select content_digest as "content_digest!", coalesce(duplicate_of, callback_id) as "first!"
        from eqp.callback_disposition
        where content_digest = any($1)
        "#,
        &digests as &[&[u8]],
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (digest(row.content_digest), row.first)).collect())
}

/// Stores the dispositions of callbacks.
pub async fn insert(connection: &mut PgConnection, projected: &[ProjectedCallback]) -> Result<(), sqlx::Error> {
    let callbacks: Vec<_> = projected.iter().map(|one| one.callback_id).collect();
    let ordinals: Vec<_> = projected.iter().map(|one| one.ordinal).collect();
    let kinds: Vec<_> = projected.iter().map(|one| one.resource.as_ref().map(|(kind, _)| kind.as_str())).collect();
    let ids: Vec<_> = projected.iter().map(|one| one.resource.as_ref().map(|(_, id)| id.as_str())).collect();
    let dispositions: Vec<_> = projected.iter().map(|one| one.disposition.as_str()).collect();
    let duplicates: Vec<_> = projected.iter().map(|one| one.duplicate_of).collect();
    let digests: Vec<_> = projected.iter().map(|one| one.content_digest.as_ref().map(<[u8; 16]>::as_slice)).collect();
    query!(
        r#"
        insert into eqp.callback_disposition (callback_id, ordinal, resource_kind, resource_id, disposition,
                                              duplicate_of, content_digest)
        select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bytea[])
        "#,
        &callbacks,
        &ordinals,
        &kinds as &[Option<&str>],
        &ids as &[Option<&str>],
        &dispositions as &[&str],
        &duplicates as &[Option<Uuid>],
        &digests as &[Option<&[u8]>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the duplicates of these callbacks.
pub async fn duplicates_of(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    query_scalar!("select callback_id from eqp.callback_disposition where duplicate_of = any($1)", ids)
        .fetch_all(connection)
        .await
}

/// Returns the dispositions of these callbacks.
pub async fn projected(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, ProjectedCallback>, sqlx::Error> {
    let rows = query!(
        r#"
        select callback_id, resource_kind, resource_id, disposition, duplicate_of, content_digest, ordinal
        from eqp.callback_disposition
        where callback_id = any($1)
        "#,
        ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let resource = match row.resource_kind.zip(row.resource_id) {
                Some((kind, id)) => Some((read(&kind)?, id)),
                None => None,
            };
            let projected = ProjectedCallback {
                callback_id: row.callback_id,
                resource,
                disposition: read(&row.disposition)?,
                duplicate_of: row.duplicate_of,
                content_digest: row.content_digest.map(digest),
                ordinal: row.ordinal,
            };
            Ok((row.callback_id, projected))
        })
        .collect()
}

/// Returns whether this callback was projected already.
pub async fn is_known(connection: &mut PgConnection, callback_id: Uuid) -> Result<bool, sqlx::Error> {
    query_scalar!(
        r#"select exists (select from eqp.callback_disposition where callback_id = $1) as "known!""#,
        callback_id
    )
    .fetch_one(connection)
    .await
}

fn digest(bytes: Vec<u8>) -> ContentDigest {
    bytes.try_into().expect("only digests of this length are written")
}
