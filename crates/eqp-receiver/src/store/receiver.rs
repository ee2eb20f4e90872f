//! `eqp.receiver`: which receivers live, and which credentials they have loaded. All times are the database's.

use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

/// Says that a receiver lives and has loaded the credentials up to this generation; forgets those that were not seen
/// for an hour, which have crashed.
pub(crate) async fn say(pool: &PgPool, id: Uuid, generation: i64) -> Result<(), sqlx::Error> {
    query!(
        r#"
        with forgotten as (
            delete from eqp.receiver where seen_at < now() - interval '1 hour' and id <> $1
        )
        insert into eqp.receiver (id, seen_at, credential_generation) values ($1, now(), $2)
        on conflict (id) do update set seen_at = now(), credential_generation = excluded.credential_generation
        "#,
        id,
        generation
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes a receiver out that ends.
pub(crate) async fn leave(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    query!("delete from eqp.receiver where id = $1", id).execute(pool).await?;
    Ok(())
}

/// The receivers that live.
pub(crate) struct Living {
    /// All that were seen lately.
    pub(crate) all: i64,
    /// Those of them that have not loaded a generation.
    pub(crate) behind: i64,
}

/// How many receivers were seen in the last `seconds`, and how many of them have not loaded this generation.
pub(crate) async fn living(pool: &PgPool, generation: i64, seconds: f64) -> Result<Living, sqlx::Error> {
    sqlx::query_as!(
        Living,
        r#"
        select count(*) as "all!", count(*) filter (where credential_generation < $1) as "behind!"
        from eqp.receiver
        where seen_at > now() - make_interval(secs => $2)
        "#,
        generation,
        seconds
    )
    .fetch_one(pool)
    .await
}

/// The number of the last change of credentials.
pub(crate) async fn generation(pool: &PgPool) -> Result<i64, sqlx::Error> {
    query_scalar!("select credential_generation from eqp.instance").fetch_one(pool).await
}
