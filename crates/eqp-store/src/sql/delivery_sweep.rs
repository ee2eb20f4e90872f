//! Deletes the remains of deliveries. Each statement deletes at most 5,000 rows and returns how many it has deleted.

use sqlx::{PgPool, query};

/// The number of rows that one statement deletes. If it has deleted as many, there may be more.
pub const BATCH: u64 = 5_000;

/// Deletes attempts that are older than 7 days, and all but the newest 200,000.
pub async fn attempts(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let old = query!(
        r#"
        delete from eqp.attempt
        where id in (select id from eqp.attempt order by id limit 5000) and at < now() - interval '7 days'
        "#
    )
    .execute(pool)
    .await?;
    let many = query!(
        r#"
        delete from eqp.attempt
        where id in (select id
                     from eqp.attempt
                     where id <= (select max(id) - 200000 from eqp.attempt)
                     order by id
                     limit 5000)
        "#
    )
    .execute(pool)
    .await?;
    Ok(old.rows_affected().max(many.rows_affected()))
}

/// Deletes deliveries that have been dead for 180 days.
pub async fn dead_deliveries(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let deleted = query!(
        r#"
        delete from eqp.delivery
        where id in (select id
                     from eqp.delivery
                     where dead_at < now() - interval '180 days'
                     order by dead_at
                     limit 5000)
        "#
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}

/// Forgets threads of chats that were not used for 400 days.
pub async fn chat_messages(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let deleted = query!(
        r#"
        delete from eqp.chat_message
        where (channel, subject) in (select channel, subject
                                     from eqp.chat_message
                                     where used_at < now() - interval '400 days'
                                     order by used_at
                                     limit 5000)
        "#
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes replays that were requested 90 days ago and have ended, unless deliveries of them are left.
pub async fn old_replays(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let deleted = query!(
        r#"
        delete from eqp.replay
        where id in (select id
                     from eqp.replay
                     where requested_at < now() - interval '90 days'
                       and (completed_at is not null or cancelled_at is not null)
                       and not exists (select from eqp.delivery where replay_id = replay.id)
                     order by id
                     limit 5000)
        "#
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes empty lanes.
pub async fn empty_lanes(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let deleted = query!(
        r#"
        delete from eqp.delivery_lane as lane
        using (select subscription_id, resource
               from eqp.delivery_lane
               where due_at = 'infinity'
               limit 5000
               for update skip locked) as empty
        where lane.subscription_id = empty.subscription_id and lane.resource = empty.resource and lane.due_at = 'infinity'
        "#
    )
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes the deliveries of removed subscriptions, and then the subscriptions.
pub async fn removed_subscriptions(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let removed: Vec<i32> =
        sqlx::query_scalar!("select id from eqp.subscription where removed_at is not null").fetch_all(pool).await?;
    if removed.is_empty() {
        return Ok(0);
    }
    let deliveries = query!(
        "delete from eqp.delivery where id in (select id from eqp.delivery where subscription_id = any($1) limit 5000)",
        &removed
    )
    .execute(pool)
    .await?;
    let lanes = query!(
        r#"
        delete from eqp.delivery_lane as lane
        using (select subscription_id, resource
               from eqp.delivery_lane
               where subscription_id = any($1)
               limit 5000
               for update skip locked) as removed
        where lane.subscription_id = removed.subscription_id and lane.resource = removed.resource
        "#,
        &removed
    )
    .execute(pool)
    .await?;
    query!(
        r#"
        delete from eqp.subscription
        where id = any($1)
          and not exists (select from eqp.delivery where subscription_id = subscription.id)
          and not exists (select from eqp.delivery_lane where subscription_id = subscription.id)
        "#,
        &removed
    )
    .execute(pool)
    .await?;
    Ok(deliveries.rows_affected().max(lanes.rows_affected()))
}
