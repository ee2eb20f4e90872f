//! `eqp.account`, `eqp.endpoint`, `eqp.credential`, `eqp.sealed_password`.

use std::time::Duration;

use eqp_types::{Environment, MageId};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::Error;
use crate::endpoint::sealed::Sealed;
use crate::endpoint::usage::Unwritten;
use crate::endpoint::{AccountId, CredentialId, CredentialState, CredentialSummary, EndpointId, EndpointSummary};

/// A usable credential with where it is used, as the directory needs it.
pub(crate) struct Usable {
    pub(crate) endpoint_id: i64,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) public_url: String,
    pub(crate) credential_id: Option<i64>,
    pub(crate) username: Option<String>,
    pub(crate) password_hmac: Option<Vec<u8>>,
    pub(crate) last_used_at: Option<OffsetDateTime>,
}

/// All that may be used, with the number of the last change that is in it: of one moment, because it is one statement.
pub(crate) async fn usable(pool: &PgPool) -> Result<(i64, Vec<Usable>), Error> {
    let rows = sqlx::query!(
        r#"
        select credential_generation, endpoint.id as "endpoint_id?", name as "name?", path as "path?",
               public_url as "public_url?",
               credential.id as "credential_id?", username as "username?", password_hmac as "password_hmac?",
               last_used_at
        from eqp.instance
        left join eqp.endpoint on retired_at is null
        left join eqp.credential on endpoint_id = endpoint.id and state in ('pending', 'live', 'retiring')
        "#
    )
    .fetch_all(pool)
    .await?;
    let generation = rows.first().map_or(0, |row| row.credential_generation);
    let usable = rows.into_iter().filter_map(|row| {
        Some(Usable {
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

/// Records when credentials came with callbacks. Receivers do so beside one another, each with what it has seen.
pub(crate) async fn record_use(pool: &PgPool, used: &[(CredentialId, Unwritten)]) -> Result<(), Error> {
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

pub(crate) async fn ensure_account(pool: &PgPool, environment: &str, mage_id: &str) -> Result<AccountId, Error> {
    // The update changes nothing; it makes the row that is there come back.
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

/// None where the name or the path is in use.
pub(crate) async fn create(
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

/// How many credentials of an endpoint are usable, with the endpoint locked so that the answer stays true; none
/// where there is no such endpoint in use.
pub(crate) async fn lock_and_count_usable(
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

/// None where the endpoint has or had a credential with this user name.
pub(crate) async fn insert_credential(
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

pub(crate) async fn insert_sealed(
    connection: &mut PgConnection,
    credential: CredentialId,
    sealed: &Sealed,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into eqp.sealed_password (credential_id, key_id, nonce, ciphertext) values ($1, $2, $3, $4)",
        credential.0,
        sealed.key_id,
        sealed.nonce,
        sealed.ciphertext,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn retire_credential(pool: &PgPool, credential: CredentialId) -> Result<bool, Error> {
    let changed = sqlx::query!(
        r#"
        with retired as (
            update eqp.credential set state = 'retired' where id = $1 and state <> 'retired' returning id
        ), forgotten as (
            delete from eqp.sealed_password where credential_id in (select id from retired)
        )
        select count(*) as "count!" from retired
        "#,
        credential.0
    )
    .fetch_one(pool)
    .await?;
    Ok(changed.count > 0)
}

pub(crate) async fn retire(pool: &PgPool, endpoint: EndpointId) -> Result<bool, Error> {
    let changed =
        sqlx::query!("update eqp.endpoint set retired_at = now() where id = $1 and retired_at is null", endpoint.0)
            .execute(pool)
            .await?;
    Ok(changed.rows_affected() > 0)
}

pub(crate) async fn list(pool: &PgPool) -> Result<Vec<EndpointSummary>, Error> {
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
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| Error::Database(sqlx::Error::Decode(error));
    let mut endpoints: Vec<EndpointSummary> = Vec::new();
    for row in rows {
        let credential = row.credential_id.map(|id| CredentialSummary {
            id: CredentialId(id),
            username: row.username.unwrap_or_default(),
            state: CredentialState::from_word(row.state.as_deref().unwrap_or_default()),
            created_at: row.credential_created_at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
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
                former: Vec::new(),
            }),
        }
    }
    Ok(endpoints)
}

/// A credential as the list of registrations shows it: by its URL and user name. The newest of several; with its
/// password, if that is not forgotten.
pub(crate) async fn issued(
    pool: &PgPool,
    public_url: &str,
    username: &str,
) -> Result<Option<(CredentialId, Option<Sealed>)>, Error> {
    let row = sqlx::query!(
        r#"
        select credential.id, key_id as "key_id?", nonce as "nonce?", ciphertext as "ciphertext?"
        from eqp.credential
        join eqp.endpoint on endpoint.id = endpoint_id
        left join eqp.sealed_password on credential_id = credential.id
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
            (Some(key_id), Some(nonce), Some(ciphertext)) => Some(Sealed { key_id, nonce, ciphertext }),
            _ => None,
        };
        (CredentialId(row.id), sealed)
    }))
}
