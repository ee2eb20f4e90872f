//! User names that are no longer accepted, but that the Marketplace may still use.

use sqlx::PgPool;

use crate::Error;

/// Each rotation retires one user name of an endpoint. Older ones are not in use anywhere.
const LIMIT: i64 = 1_000;

/// Returns the last retired user names of the endpoints in use, each with the name of its endpoint.
pub async fn list(pool: &PgPool) -> Result<Vec<(String, String)>, Error> {
    let rows = sqlx::query!(
        r#"
        select credential.username, endpoint.name
        from eqp.credential
        join eqp.endpoint on endpoint.id = credential.endpoint_id
        where credential.state = 'retired' and endpoint.retired_at is null
        order by credential.id desc
        limit $1
        "#,
        LIMIT
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.username, row.name)).collect())
}
