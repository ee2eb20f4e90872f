//! `eqp.rejected_callback`: requests with the user name of an endpoint that were rejected because of their password.

use sqlx::{PgPool, query};
use time::OffsetDateTime;

/// Requests to one endpoint that a receiver has rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedCallbacks {
    /// The name of the endpoint.
    pub endpoint: String,
    pub requests: u64,
    pub first_at: OffsetDateTime,
    pub last_at: OffsetDateTime,
}

/// Adds rejected requests to those that are stored. A series that ended more than a day ago is replaced.
pub async fn add(pool: &PgPool, rejected: &[RejectedCallbacks]) -> Result<(), sqlx::Error> {
    let endpoints: Vec<_> = rejected.iter().map(|one| one.endpoint.as_str()).collect();
    let requests: Vec<_> = rejected.iter().map(|one| i64::try_from(one.requests).unwrap_or(i64::MAX)).collect();
    let first: Vec<_> = rejected.iter().map(|one| one.first_at).collect();
    let last: Vec<_> = rejected.iter().map(|one| one.last_at).collect();
    query!(
        r#"
        insert into eqp.rejected_callback as stored (endpoint_id, first_at, last_at, requests)
        select endpoint.id, first_at, last_at, requests
        from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
             as added (name, requests, first_at, last_at)
        join eqp.endpoint using (name)
        on conflict (endpoint_id) do update
        set requests = excluded.requests
                + case when excluded.first_at < stored.last_at + interval '1 day' then stored.requests else 0 end,
            first_at = case when excluded.first_at < stored.last_at + interval '1 day'
                            then least(stored.first_at, excluded.first_at) else excluded.first_at end,
            last_at = greatest(stored.last_at, excluded.last_at)
        "#,
        &endpoints as &[&str],
        &requests,
        &first,
        &last
    )
    .execute(pool)
    .await?;
    Ok(())
}
