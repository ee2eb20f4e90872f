//! `eqp.registration_check`: what reconciliation last found in an account's list of callbacks at the Marketplace.

use sqlx::{PgPool, query};

use crate::model::{AccountId, EndpointId};

/// The state of an endpoint's registration.
#[derive(Clone, Debug)]
pub struct CheckedRegistration {
    pub endpoint: EndpointId,
    pub state: &'static str,
    pub is_consistent: bool,
}

/// Stores the states of the registrations of an account, which were read just now. Endpoints of the account that are not named are
/// removed.
pub async fn store(pool: &PgPool, account: AccountId, checked: &[CheckedRegistration]) -> Result<(), sqlx::Error> {
    let endpoints: Vec<_> = checked.iter().map(|one| one.endpoint.0).collect();
    let states: Vec<_> = checked.iter().map(|one| one.state).collect();
    let consistent: Vec<_> = checked.iter().map(|one| one.is_consistent).collect();
    query!(
        r#"
        with forgotten as (
            delete from eqp.registration_check
            where endpoint_id in (select id from eqp.endpoint where account_id = $4) and not endpoint_id = any($1)
        )
        insert into eqp.registration_check as stored (endpoint_id, state, consistent, since, checked_at)
        select endpoint_id, state, consistent, now(), now()
        from unnest($1::bigint[], $2::text[], $3::boolean[]) as checked (endpoint_id, state, consistent)
        on conflict (endpoint_id) do update
        set state = excluded.state, consistent = excluded.consistent, checked_at = now(),
            since = case when stored.state = excluded.state then stored.since else now() end
        "#,
        &endpoints,
        &states as &[&str],
        &consistent,
        account.0
    )
    .execute(pool)
    .await?;
    Ok(())
}
