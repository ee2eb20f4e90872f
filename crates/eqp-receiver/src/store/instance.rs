//! `eqp.instance`: which database this is, and which master key it belongs to.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Error;

/// Binds a new database to the key with this fingerprint; refuses one that is bound to another. Answers with its id.
pub(crate) async fn bind(pool: &PgPool, fingerprint: &[u8; 32]) -> Result<Uuid, Error> {
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

/// Whether the database is bound to the key with this fingerprint; false where it is bound to none yet.
pub(crate) async fn is_bound(pool: &PgPool, fingerprint: Option<&[u8; 32]>) -> Result<bool, Error> {
    let bound = sqlx::query!("select id, master_key_fingerprint from eqp.instance").fetch_optional(pool).await?;
    match bound {
        None => Ok(false),
        Some(bound) if fingerprint.is_some_and(|ours| bound.master_key_fingerprint == ours) => Ok(true),
        Some(_) => Err(Error::OtherMasterKey),
    }
}

/// Which database this is; none where it is bound to no key yet.
pub(crate) async fn id(connection: &mut PgConnection) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select id from eqp.instance").fetch_optional(connection).await
}
