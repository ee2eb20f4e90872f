//! Lists endpoints with their registration and their credentials. Reads neither passwords nor their hashes.

use std::collections::HashMap;
use std::time::Duration;

use eqp_types::{Environment, MageId};
use sqlx::{PgPool, query};

use super::column::account;
use crate::model::{
    ComparedRegistration, CredentialId, CredentialState, CredentialSummary, EndpointFilter, HIGHEST_LIMIT,
    ListedEndpoint,
};

/// The maximum number of credentials of an endpoint that are listed. More than a few are always retired ones.
const CREDENTIALS: i64 = 20;

/// Returns the endpoints that match a filter, by name.
pub async fn list(pool: &PgPool, filter: &EndpointFilter) -> Result<Vec<ListedEndpoint>, sqlx::Error> {
    let rows = query!(
        r#"
        select endpoint.id, endpoint.name, environment, mage_id, path, public_url, endpoint.created_at, retired_at,
               checked.state as "state?", checked.consistent as "consistent?", checked.since as "since?",
               checked.checked_at as "checked_at?"
        from eqp.endpoint
        join eqp.account on account.id = endpoint.account_id
        left join eqp.registration_check as checked on checked.endpoint_id = endpoint.id
        where ($1::text is null or environment = $1)
          and ($2::text is null or mage_id = $2)
          and ($3 or retired_at is null)
          and ($4::text is null or endpoint.name > $4)
        order by endpoint.name
        limit $5
        "#,
        filter.environment.map(Environment::as_str),
        filter.mage_id.as_ref().map(MageId::as_str),
        filter.includes_retired,
        filter.after_name.as_deref(),
        i64::from(filter.limit.min(HIGHEST_LIMIT))
    )
    .fetch_all(pool)
    .await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut credentials = credentials(pool, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            let compared = row.state.zip(row.consistent).zip(row.since.zip(row.checked_at));
            Ok(ListedEndpoint {
                id: row.id,
                name: row.name,
                environment,
                mage_id,
                path: row.path,
                public_url: row.public_url,
                created_at: row.created_at,
                retired_at: row.retired_at,
                registration: compared.map(|((state, is_consistent), (since, checked_at))| ComparedRegistration {
                    state,
                    is_consistent,
                    since,
                    checked_at,
                }),
                credentials: credentials.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect()
}

/// Returns the newest credentials of each of these endpoints, newest first.
async fn credentials(pool: &PgPool, endpoints: &[i64]) -> Result<HashMap<i64, Vec<CredentialSummary>>, sqlx::Error> {
    let rows = query!(
        r#"
        select credential.endpoint_id as "endpoint_id!", credential.id as "id!", username as "username!", state as "state!",
               created_at as "created_at!", first_used_at, last_used_at, retire_at,
               extract(epoch from retire_grace)::float8 as retire_grace_seconds
        from unnest($1::bigint[]) as wanted (endpoint_id)
        cross join lateral (
            select *
            from eqp.credential
            where credential.endpoint_id = wanted.endpoint_id
            order by id desc
            limit $2
        ) as credential
        order by credential.id desc
        "#,
        endpoints,
        CREDENTIALS
    )
    .fetch_all(pool)
    .await?;
    let mut credentials: HashMap<i64, Vec<CredentialSummary>> = HashMap::new();
    for row in rows {
        credentials.entry(row.endpoint_id).or_default().push(CredentialSummary {
            id: CredentialId(row.id),
            username: row.username,
            // A state of a newer version is shown as retired, because the receiver does not accept it either.
            state: row.state.parse().unwrap_or(CredentialState::Retired),
            created_at: row.created_at,
            first_used_at: row.first_used_at,
            last_used_at: row.last_used_at,
            retire_grace: row.retire_grace_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            retire_at: row.retire_at,
        });
    }
    Ok(credentials)
}
