//! The table `eqp.canary`: the credentials of test callbacks, and which of them have arrived.

use std::time::Duration;

use sqlx::{PgConnection, PgPool, query, query_as, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::EndpointId;

/// The most endpoints that are tested at a time.
const MAX_ENDPOINTS: i64 = 100;

/// Returns whether a callback with this credential is a canary.
pub fn is_canary(credential_id: i64) -> bool {
    credential_id < 0
}

/// The credential of a canary that has not expired, for the credential cache of a receiver.
pub struct UsableCanary {
    pub id: i64,
    pub endpoint_id: i64,
    pub username: String,
    pub password_hmac: Vec<u8>,
    /// The remaining time for which it is valid.
    pub valid_for: Duration,
}

/// Returns the credentials of canaries that have not expired.
pub async fn usable(pool: &PgPool) -> Result<Vec<UsableCanary>, sqlx::Error> {
    let rows = query!(
        r#"
        select id, endpoint_id, username, password_hmac,
               extract(epoch from expires_at - now())::double precision as "seconds!"
        from eqp.canary
        where expires_at > now()
        "#
    )
    .fetch_all(pool)
    .await?;
    let usable = rows.into_iter().map(|row| UsableCanary {
        id: row.id,
        endpoint_id: row.endpoint_id,
        username: row.username,
        password_hmac: row.password_hmac,
        valid_for: Duration::try_from_secs_f64(row.seconds).unwrap_or_default(),
    });
    Ok(usable.collect())
}

/// An endpoint that canaries are sent to.
pub struct TestedEndpoint {
    pub id: i64,
    pub name: String,
    pub public_url: String,
}

/// Returns the endpoints that are registered or about to be, by name, or only the one with this name.
pub async fn endpoints(connection: &mut PgConnection, name: Option<&str>) -> Result<Vec<TestedEndpoint>, sqlx::Error> {
    query_as!(
        TestedEndpoint,
        r#"
        select id, name, public_url
        from eqp.endpoint
        where retired_at is null and ($1::text is null or name = $1)
          and exists (select from eqp.credential where endpoint_id = endpoint.id and state in ('pending', 'active'))
        order by name
        limit $2
        "#,
        name,
        MAX_ENDPOINTS
    )
    .fetch_all(connection)
    .await
}

/// A new canary.
pub struct InsertedCanary {
    pub id: i64,
    pub expires_at: OffsetDateTime,
}

/// Stores the credential of a canary. Also deletes canaries that are older than 30 days.
pub async fn insert(
    connection: &mut PgConnection,
    endpoint: EndpointId,
    username: &str,
    password_hmac: &[u8],
    valid_for: Duration,
) -> Result<InsertedCanary, sqlx::Error> {
    query!("delete from eqp.canary where created_at < now() - interval '30 days'").execute(&mut *connection).await?;
    query_as!(
        InsertedCanary,
        r#"
        insert into eqp.canary (endpoint_id, username, password_hmac, expires_at)
        values ($1, $2, $3, now() + make_interval(secs => $4))
        returning id, expires_at
        "#,
        endpoint.0,
        username,
        password_hmac,
        valid_for.as_secs_f64()
    )
    .fetch_one(connection)
    .await
}

/// The callback of a canary, as it is in the database.
pub struct ArrivedCanary {
    /// How it was stored: `writer` or `spool`.
    pub via: String,
    pub received_at: OffsetDateTime,
    pub headers: Vec<u8>,
    pub body: Vec<u8>,
}

/// Returns the callback with this ID, if it is stored and is that of a canary. Returns `None` if it is not, or arrived too late.
pub async fn arrived(
    connection: &mut PgConnection,
    id: i64,
    callback: Uuid,
) -> Result<Option<ArrivedCanary>, sqlx::Error> {
    query_as!(
        ArrivedCanary,
        r#"
        select stored.via, stored.received_at, stored.headers, stored.body
        from eqp.canary
        join eqp.callback as stored on stored.credential_id = canary.id and stored.endpoint_id = canary.endpoint_id
        where canary.id = $1 and stored.id = $2 and stored.received_at <= canary.expires_at
        "#,
        id,
        callback
    )
    .fetch_optional(connection)
    .await
}

/// Records that a canary has passed, with the callback that has arrived. Returns when it has first passed, or `None` if it is unknown.
pub async fn pass(
    connection: &mut PgConnection,
    id: i64,
    (callback, received_at): (Uuid, OffsetDateTime),
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    query_scalar!(
        r#"
        update eqp.canary
        set callback_id = $2, passed_at = coalesce(passed_at, $3)
        where id = $1
        returning passed_at as "passed_at!"
        "#,
        id,
        callback,
        received_at
    )
    .fetch_optional(connection)
    .await
}

/// Returns when a canary has last passed, to an endpoint of these accounts that is not retired.
pub async fn last_passed_at(pool: &PgPool, accounts: &[i64]) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    query_scalar!(
        r#"
        select max(passed_at)
        from eqp.canary
        join eqp.endpoint on endpoint.id = canary.endpoint_id
        where endpoint.account_id = any($1) and endpoint.retired_at is null
        "#,
        accounts
    )
    .fetch_one(pool)
    .await
}
