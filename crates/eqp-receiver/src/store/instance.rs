//! `eqp.instance`: which master key this database belongs to.

use sqlx::PgPool;
use uuid::Uuid;

use crate::Error;

/// Binds a new database to the key with this fingerprint; refuses one that is bound to another.
pub(crate) async fn bind(pool: &PgPool, fingerprint: &[u8; 32]) -> Result<(), Error> {
    sqlx::query!(
        "insert into eqp.instance (id, master_key_fingerprint) values ($1, $2) on conflict (singleton) do nothing",
        Uuid::new_v4(),
        fingerprint.as_slice(),
    )
    .execute(pool)
    .await?;
    let bound = sqlx::query_scalar!("select master_key_fingerprint from eqp.instance").fetch_one(pool).await?;
    if bound == fingerprint { Ok(()) } else { Err(Error::OtherMasterKey) }
}
