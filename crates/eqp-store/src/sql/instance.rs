//! The table `eqp.instance`, whose only row has the ID of the database and the fingerprint of its master key.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Error;

/// Ties a new database to the key with this fingerprint, and returns the ID of the database. Fails if it is tied to another key.
pub async fn bind(pool: &PgPool, fingerprint: &[u8; 32]) -> Result<Uuid, Error> {
    sqlx::query!(
        "insert into eqp.instance (id, master_key_fingerprint) values ($1, $2) on conflict (singleton) do nothing",
        Uuid::new_v4(),
        fingerprint.as_slice(),
    )
    .execute(pool)
    .await?;
    let bound = sqlx::query!("select id, master_key_fingerprint from eqp.instance").fetch_one(pool).await?;
    if bound.master_key_fingerprint == fingerprint { Ok(bound.id) } else { Err(Error::OtherMasterKey) }
}

/// Returns whether the database is tied to the key with this fingerprint, or false if it is not tied to a key yet. Fails if it is tied
/// to another key.
pub async fn is_bound(pool: &PgPool, fingerprint: Option<&[u8; 32]>) -> Result<bool, Error> {
    let bound = sqlx::query!("select id, master_key_fingerprint from eqp.instance").fetch_optional(pool).await?;
    match bound {
        None => Ok(false),
        Some(bound) if fingerprint.is_some_and(|ours| bound.master_key_fingerprint == ours) => Ok(true),
        Some(_) => Err(Error::OtherMasterKey),
    }
}

/// Returns the ID of the database, or `None` if it is not tied to a key yet.
pub async fn id(connection: &mut PgConnection) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select id from eqp.instance").fetch_optional(connection).await
}
