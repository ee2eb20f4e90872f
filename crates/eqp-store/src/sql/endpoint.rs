//! The tables `eqp.account`, `eqp.endpoint`, `eqp.credential` and `eqp.sealed_secret`.

use std::time::Duration;

use eqp_types::{Environment, MageId};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::Error;
use crate::model::{
    AccountId, CredentialId, CredentialState, CredentialSummary, CredentialUse, EndpointId, EndpointSummary,
    SealedSecret,
};

/// An endpoint with one of its usable credentials, or with none, for the credential cache of a receiver.
pub struct UsableCredential {
    pub endpoint_id: i64,
    pub name: String,
    pub path: String,
    pub public_url: String,
    pub credential_id: Option<i64>,
    pub username: Option<String>,
    pub password_hmac: Option<Vec<u8>>,
    pub last_used_at: Option<OffsetDateTime>,
}

/// Returns all usable credentials and the number of the last change. Both are consistent, because one statement reads them.
pub async fn usable(pool: &PgPool) -> Result<(i64, Vec<UsableCredential>), Error> {
    let rows = sqlx::query!(
        r#"
        select credential_generation, endpoint.id as "endpoint_id?", name as "name?", path as "path?",
               public_url as "public_url?",
               credential.id as "credential_id?", username as "username?", password_hmac as "password_hmac?",
               last_used_at
        from eqp.instance
        left join eqp.endpoint on retired_at is null
        left join eqp.credential on endpoint_id = endpoint.id and state in ('pending', 'active', 'retiring')
        "#
    )
    .fetch_all(pool)
    .await?;
    let generation = rows.first().map_or(0, |row| row.credential_generation);
    let usable = rows.into_iter().filter_map(|row| {
        Some(UsableCredential {
            endpoint_id: row.endpoint_id?,
            name: row.name?,
            path: row.path?,
            public_url: row.public_url?,
            credential_id: row.credential_id,
            username: row.username,
            password_hmac: row.password_hmac,
            last_used_at: row.last_used_at,
        })
    });
    Ok((generation, usable.collect()))
}

/// Records when credentials were used. Several receivers can do this concurrently, each with what it has seen.
pub async fn record_use(pool: &PgPool, used: &[(CredentialId, CredentialUse)]) -> Result<(), Error> {
    let ids: Vec<i64> = used.iter().map(|(id, _)| id.0).collect();
    let first: Vec<_> = used.iter().map(|(_, unwritten)| unwritten.first).collect();
    let last: Vec<_> = used.iter().map(|(_, unwritten)| unwritten.last).collect();
    sqlx::query!(
        r#"
        update eqp.credential
        set first_used_at = least(credential.first_used_at, used.first_at),
            last_used_at  = greatest(credential.last_used_at, used.last_at)
        from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) as used (id, first_at, last_at)
        where credential.id = used.id
        "#,
        &ids,
        &first,
        &last,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn ensure_account(pool: &PgPool, environment: &str, mage_id: &str) -> Result<AccountId, Error> {
    // The update changes nothing, but without it an existing row would not be returned.
    let id = sqlx::query_scalar!(
        r#"
        insert into eqp.account (environment, mage_id) values ($1, $2)
        on conflict (environment, mage_id) do update set mage_id = excluded.mage_id
        returning id
        "#,
        environment,
        mage_id,
    )
    .fetch_one(pool)
    .await?;
    Ok(AccountId(id))
}

/// Creates an endpoint, or returns `None` if the name or the path is in use.
pub async fn create(
    pool: &PgPool,
    account: AccountId,
    name: &str,
    path: &str,
    public_url: &str,
) -> Result<Option<EndpointId>, Error> {
    let id = sqlx::query_scalar!(
        r#"
        insert into eqp.endpoint (account_id, name, path, public_url) values ($1, $2, $3, $4)
        on conflict do nothing
        returning id
        "#,
        account.0,
        name,
        path,
        public_url,
    )
    .fetch_optional(pool)
    .await?;
    Ok(id.map(EndpointId))
}

/// Locks an endpoint and returns the number of its usable credentials, which cannot change while the lock is held. Returns `None` if
/// the endpoint does not exist or is retired.
pub async fn lock_and_count_usable(
    connection: &mut PgConnection,
    endpoint: EndpointId,
) -> Result<Option<usize>, Error> {
    let found =
        sqlx::query_scalar!("select id from eqp.endpoint where id = $1 and retired_at is null for update", endpoint.0)
            .fetch_optional(&mut *connection)
            .await?;
    if found.is_none() {
        return Ok(None);
    }
    let usable = sqlx::query_scalar!(
        r#"select count(*) as "count!" from eqp.credential where endpoint_id = $1 and state <> 'retired'"#,
        endpoint.0
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(usize::try_from(usable).ok())
}

/// Creates a credential, or returns `None` if the endpoint has or had one with this user name.
pub async fn insert_credential(
    connection: &mut PgConnection,
    endpoint: EndpointId,
    username: &str,
    password_hmac: &[u8],
) -> Result<Option<CredentialId>, Error> {
    let id = sqlx::query_scalar!(
        r#"
        insert into eqp.credential (endpoint_id, username, password_hmac, state) values ($1, $2, $3, 'pending')
        on conflict (endpoint_id, username) do nothing
        returning id
        "#,
        endpoint.0,
        username,
        password_hmac,
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(CredentialId))
}

pub async fn insert_sealed(
    connection: &mut PgConnection,
    credential: CredentialId,
    sealed: &SealedSecret,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into eqp.sealed_secret (credential_id, key_id, nonce, ciphertext) values ($1, $2, $3, $4)",
        credential.0,
        sealed.key_id,
        sealed.nonce,
        sealed.ciphertext,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn retire_credential(pool: &PgPool, credential: CredentialId) -> Result<bool, Error> {
    let changed = sqlx::query!(
        r#"
        with retired as (
            update eqp.credential set state = 'retired' where id = $1 and state <> 'retired' returning id
        ), forgotten as (
            delete from eqp.sealed_secret where credential_id in (select id from retired)
        )
        select count(*) as "count!" from retired
        "#,
        credential.0
    )
    .fetch_one(pool)
    .await?;
    Ok(changed.count > 0)
}

pub async fn retire(pool: &PgPool, endpoint: EndpointId) -> Result<bool, Error> {
    let changed =
        sqlx::query!("update eqp.endpoint set retired_at = now() where id = $1 and retired_at is null", endpoint.0)
            .execute(pool)
            .await?;
    Ok(changed.rows_affected() > 0)
}

/// Retires an endpoint that accepts no credential any more, and frees its name and its path. Returns false if it is not such an endpoint.
pub async fn forget(pool: &PgPool, endpoint: EndpointId) -> Result<bool, Error> {
    // Names and paths contain no blanks, so the new ones are not in use.
    let changed = sqlx::query!(
        r#"
        with unchecked as (delete from eqp.registration_check where endpoint_id = $1)
        update eqp.endpoint
        set retired_at = now(), name = left(name, 70) || ' (forgotten ' || id || ')', path = '/ forgotten/' || id
        where id = $1 and retired_at is null
          and not exists (select from eqp.credential where endpoint_id = endpoint.id and state <> 'retired')
        "#,
        endpoint.0
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() > 0)
}

pub async fn list(pool: &PgPool) -> Result<Vec<EndpointSummary>, Error> {
    let rows = sqlx::query!(
        r#"
        select endpoint.id, environment, mage_id, name, path, public_url,
               credential.id as "credential_id?", username as "username?", state as "state?",
               credential.created_at as "credential_created_at?", first_used_at, last_used_at, retire_at,
               extract(epoch from retire_grace)::float8 as retire_grace_seconds
        from eqp.endpoint
        join eqp.account on account.id = account_id
        left join eqp.credential on endpoint_id = endpoint.id
        where retired_at is null
        order by name, credential.id desc
        "#
    )
    .fetch_all(pool)
    .await?;
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| Error::from(sqlx::Error::Decode(error));
    let mut endpoints: Vec<EndpointSummary> = Vec::new();
    for row in rows {
        let credential = row.credential_id.map(|id| CredentialSummary {
            id: CredentialId(id),
            username: row.username.expect("every credential has a user name"),
            // A state of a newer version is shown as retired, because the receiver does not accept it either.
            state: row.state.and_then(|state| state.parse().ok()).unwrap_or(CredentialState::Retired),
            created_at: row.credential_created_at.expect("every credential has a creation time"),
            first_used_at: row.first_used_at,
            last_used_at: row.last_used_at,
            retire_grace: row.retire_grace_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            retire_at: row.retire_at,
        });
        match endpoints.last_mut() {
            Some(last) if last.id.0 == row.id => last.credentials.extend(credential),
            _ => endpoints.push(EndpointSummary {
                id: EndpointId(row.id),
                environment: row.environment.parse::<Environment>().map_err(|error| unreadable(error.into()))?,
                mage_id: row.mage_id.parse::<MageId>().map_err(|error| unreadable(error.into()))?,
                name: row.name,
                path: row.path,
                public_url: row.public_url,
                credentials: credential.into_iter().collect(),
                retired_usernames: Vec::new(),
            }),
        }
    }
    Ok(endpoints)
}

/// Returns the newest credential with this URL and user name, with its sealed password unless it is retired.
pub async fn find_credential(
    pool: &PgPool,
    public_url: &str,
    username: &str,
) -> Result<Option<(CredentialId, Option<SealedSecret>)>, Error> {
    let row = sqlx::query!(
        r#"
        select credential.id, key_id as "key_id?", nonce as "nonce?", ciphertext as "ciphertext?"
        from eqp.credential
        join eqp.endpoint on endpoint.id = endpoint_id
        left join eqp.sealed_secret on credential_id = credential.id
        where public_url = $1 and username = $2
        order by credential.id desc
        limit 1
        "#,
        public_url,
        username,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| {
        let sealed = match (row.key_id, row.nonce, row.ciphertext) {
            (Some(key_id), Some(nonce), Some(ciphertext)) => Some(SealedSecret { key_id, nonce, ciphertext }),
            _ => None,
        };
        (CredentialId(row.id), sealed)
    }))
}
