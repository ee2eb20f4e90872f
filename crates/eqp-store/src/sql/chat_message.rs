//! `eqp.chat_message`: the first messages of threads.

use std::time::Duration;

use sqlx::{PgPool, query, query_scalar};

/// The state of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredThread {
    /// The ID of its first message.
    Started(String),
    /// The caller writes the first message.
    Reserved,
    /// Another worker writes the first message.
    BeingStarted,
}

/// Returns the state of the thread about a subject in a channel. If there is no thread, reserves the right to start it.
pub async fn begin(
    pool: &PgPool,
    (channel, subject): (&str, &str),
    reserve_for: Duration,
) -> Result<StoredThread, sqlx::Error> {
    let begun = query_scalar!(
        r#"
        insert into eqp.chat_message as thread (channel, subject, reserved_until)
        values ($1, $2, now() + make_interval(secs => $3))
        on conflict (channel, subject) do update
        set used_at = now(), reserved_until = case when thread.message_id is null then excluded.reserved_until end
        where thread.message_id is not null or thread.reserved_until <= now()
        returning message_id
        "#,
        channel,
        subject,
        reserve_for.as_secs_f64(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(match begun {
        Some(Some(message)) => StoredThread::Started(message),
        Some(None) => StoredThread::Reserved,
        None => StoredThread::BeingStarted,
    })
}

/// Stores the first message of a thread.
pub async fn save(pool: &PgPool, (channel, subject): (&str, &str), message: &str) -> Result<(), sqlx::Error> {
    query!(
        r#"
        insert into eqp.chat_message (channel, subject, message_id) values ($1, $2, $3)
        on conflict (channel, subject) do update
        set message_id = excluded.message_id, reserved_until = null, used_at = now()
        "#,
        channel,
        subject,
        message,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Forgets a thread if its first message still is `message`; `None`: if nobody has started it.
pub async fn release(
    pool: &PgPool,
    (channel, subject): (&str, &str),
    message: Option<&str>,
) -> Result<(), sqlx::Error> {
    query!(
        "delete from eqp.chat_message where channel = $1 and subject = $2 and message_id is not distinct from $3",
        channel,
        subject,
        message,
    )
    .execute(pool)
    .await?;
    Ok(())
}
