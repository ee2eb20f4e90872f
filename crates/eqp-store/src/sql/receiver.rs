//! The table `eqp.receiver`: which receivers are running, and which credentials they have loaded. All times are those of the database.

use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

use crate::model::ReceiverFacts;

/// Records that a receiver of this version is running, has loaded the credentials up to this generation, and what it reports. Also deletes receivers without a
/// heartbeat for an hour, which have crashed.
pub async fn heartbeat(
    pool: &PgPool,
    id: Uuid,
    generation: i64,
    facts: &ReceiverFacts,
    version: &str,
) -> Result<(), sqlx::Error> {
    query!(
        r#"
        with forgotten as (
            delete from eqp.receiver where heartbeat_at < now() - interval '1 hour' and id <> $1
        )
        insert into eqp.receiver (id, heartbeat_at, credential_generation, certificate_expires_at, spool_oldest_at,
                                  spool_callbacks, version)
        values ($1, now(), $2, $3, $4, $5, $6)
        on conflict (id) do update
        set heartbeat_at = now(), credential_generation = excluded.credential_generation,
            certificate_expires_at = excluded.certificate_expires_at, spool_oldest_at = excluded.spool_oldest_at,
            spool_callbacks = excluded.spool_callbacks, version = excluded.version
        "#,
        id,
        generation,
        facts.certificate_expires_at,
        facts.spool_oldest_at,
        i64::try_from(facts.spool_callbacks).unwrap_or(i64::MAX),
        version
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Removes a receiver that is shutting down.
pub async fn deregister(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    query!("delete from eqp.receiver where id = $1", id).execute(pool).await?;
    Ok(())
}

/// The number of running receivers.
pub struct RunningReceivers {
    /// All receivers with a recent heartbeat.
    pub all: i64,
    /// Those that have not loaded the generation yet.
    pub behind: i64,
}

/// Counts the receivers with a heartbeat in the last `seconds`, and those of them that have not loaded this generation.
pub async fn running(pool: &PgPool, generation: i64, seconds: f64) -> Result<RunningReceivers, sqlx::Error> {
    sqlx::query_as!(
        RunningReceivers,
        r#"
        select count(*) as "all!", count(*) filter (where credential_generation < $1) as "behind!"
        from eqp.receiver
        where heartbeat_at > now() - make_interval(secs => $2)
        "#,
        generation,
        seconds
    )
    .fetch_one(pool)
    .await
}

/// Returns the number of the last change of endpoints and credentials.
pub async fn generation(pool: &PgPool) -> Result<i64, sqlx::Error> {
    query_scalar!("select credential_generation from eqp.instance").fetch_one(pool).await
}
