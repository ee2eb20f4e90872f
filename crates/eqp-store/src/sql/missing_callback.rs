//! `eqp.missing_callback`: changes that an API read found, and whether their callbacks were missed or only slow.

use std::time::Duration;

use eqp_types::Flow;
use sqlx::{PgConnection, PgPool, query};
use uuid::Uuid;

use crate::model::{AccountId, ArrivedCallback, MissingCallback};

/// Records changes that API reads found. One that is recorded already is not changed, so that a decision survives reprojection.
pub async fn insert(connection: &mut PgConnection, missing: &[MissingCallback]) -> Result<(), sqlx::Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let reads: Vec<_> = missing.iter().map(|one| one.api_read_id).collect();
    let flows: Vec<_> = missing.iter().map(|one| one.flow.as_str()).collect();
    let accounts: Vec<_> = missing.iter().map(|one| one.account_id).collect();
    let found: Vec<_> = missing.iter().map(|one| one.found_at).collect();
    query!(
        r#"
        insert into eqp.missing_callback (api_read_id, flow, account_id, found_at)
        select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[])
        on conflict do nothing
        "#,
        &reads,
        &flows as &[&str],
        &accounts,
        &found,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records callbacks that reported such a change after all. The first one counts.
pub async fn arrived(connection: &mut PgConnection, arrived: &[ArrivedCallback]) -> Result<(), sqlx::Error> {
    if arrived.is_empty() {
        return Ok(());
    }
    let reads: Vec<_> = arrived.iter().map(|one| one.api_read_id).collect();
    let flows: Vec<_> = arrived.iter().map(|one| one.flow.as_str()).collect();
    let callbacks: Vec<_> = arrived.iter().map(|one| one.callback_id).collect();
    let times: Vec<_> = arrived.iter().map(|one| one.arrived_at).collect();
    query!(
        r#"
        update eqp.missing_callback as missing
        set callback_id = first.callback_id, arrived_at = first.arrived_at
        from (select distinct on (api_read_id, flow) *
              from unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])
                   as arrived (api_read_id, flow, callback_id, arrived_at)
              order by api_read_id, flow, arrived_at) as first
        where missing.api_read_id = first.api_read_id and missing.flow = first.flow and missing.callback_id is null
        "#,
        &reads,
        &flows as &[&str],
        &callbacks,
        &times,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes records whose event no longer exists.
pub async fn remove(connection: &mut PgConnection, gone: &[(Uuid, Flow)]) -> Result<(), sqlx::Error> {
    if gone.is_empty() {
        return Ok(());
    }
    let reads: Vec<_> = gone.iter().map(|(id, _)| *id).collect();
    let flows: Vec<_> = gone.iter().map(|(_, flow)| flow.as_str()).collect();
    query!(
        r#"
        delete from eqp.missing_callback
        where (api_read_id, flow) in (select * from unnest($1::uuid[], $2::text[]))
        "#,
        &reads,
        &flows as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The number of missed callbacks of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    pub account: AccountId,
    pub callbacks: u64,
}

/// Decides about every change that was found at least `after` ago: its callback was slow if it has arrived, not expected if no endpoint
/// of the account was registered when the change was found, and missed otherwise. Returns the accounts with missed callbacks.
///
/// Also deletes records that are older than 180 days.
pub async fn decide(pool: &PgPool, after: Duration) -> Result<Vec<Missed>, sqlx::Error> {
    let rows = query!(
        r#"
        with old as (
                 delete from eqp.missing_callback
                 where found_at < now() - interval '180 days' and decision is not null),
             decided as (
                 update eqp.missing_callback as missing
                 set decided_at = now(),
                     decision = case
                         when missing.callback_id is not null then 'slow'
                         when exists (select
                                      from eqp.credential
                                      join eqp.endpoint on endpoint.id = credential.endpoint_id
                                      where endpoint.account_id = missing.account_id
                                        and credential.active_since <= missing.found_at
                                        and coalesce(endpoint.retired_at > missing.found_at, true)) then 'missed'
                         else 'not_expected'
                     end
                 where decision is null and found_at <= now() - make_interval(secs => $1)
                 returning missing.account_id, missing.decision)
        select account_id, count(*) as "callbacks!"
        from decided
        where decision = 'missed'
        group by account_id
        order by account_id
        "#,
        after.as_secs_f64()
    )
    .fetch_all(pool)
    .await?;
    let missed =
        |(account, callbacks): (i64, i64)| Missed { account: AccountId(account), callbacks: callbacks.unsigned_abs() };
    Ok(rows.into_iter().map(|row| missed((row.account_id, row.callbacks))).collect())
}
