//! Which message of a chat started the thread about a subject.

use std::time::Duration;

use async_trait::async_trait;
use eqp_store::internal::{ANSWER, StoredThread, chat_message, within};
use eqp_store::sqlx::PgPool;

/// The time for which the right to write the first message is reserved: longer than an attempt, so that it only ends before the message
/// is saved if the process has crashed.
const RESERVED_FOR: Duration = Duration::from_mins(2);

/// Stores which message of a chat started the thread about a subject.
#[async_trait]
pub trait ChatThreads: Send + Sync {
    /// Returns the thread about `subject` in `channel`. If there is none, the caller reserves the right to write its first message,
    /// which it then has to [`save`](Self::save), or to [`release`](Self::release).
    ///
    /// # Errors
    /// [`ChatThreadsError`] if the storage cannot be used.
    async fn begin(&self, channel: &str, subject: &str) -> Result<ChatThread, ChatThreadsError>;

    /// Stores the first message about `subject` in `channel`, in place of any other.
    ///
    /// # Errors
    /// [`ChatThreadsError`] if the storage cannot be written.
    async fn save(&self, channel: &str, subject: &str, message: &ChatMessage) -> Result<(), ChatThreadsError>;

    /// Gives up a reservation (`None`), or forgets a message that no longer exists.
    ///
    /// # Errors
    /// [`ChatThreadsError`] if the storage cannot be written.
    async fn release(&self, channel: &str, subject: &str, gone: Option<&ChatMessage>) -> Result<(), ChatThreadsError>;
}

/// The state of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatThread {
    /// This message started it.
    Started(ChatMessage),
    /// The caller starts it.
    Reserved,
    /// Another worker is starting it.
    BeingStarted,
}

/// A message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatMessage {
    /// The ID of the channel.
    pub channel: String,
    /// The ID of the message in the channel.
    pub id: String,
}

/// The error that the storage of threads cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the threads of the chat cannot be read or stored: {0}")]
pub struct ChatThreadsError(pub String);

impl ChatMessage {
    /// Creates a reference to a message.
    pub fn new(channel: impl Into<String>, id: impl Into<String>) -> Self {
        Self { channel: channel.into(), id: id.into() }
    }
}

/// The threads that are stored in the database, for all workers.
#[derive(Clone, Debug)]
pub struct StoredThreads {
    pool: PgPool,
}

impl StoredThreads {
    /// Creates a storage that uses an existing connection pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl ChatThreads for StoredThreads {
    async fn begin(&self, channel: &str, subject: &str) -> Result<ChatThread, ChatThreadsError> {
        let begun = within(ANSWER, chat_message::begin(&self.pool, (channel, subject), RESERVED_FOR)).await?;
        Ok(match begun {
            StoredThread::Started(id) => ChatThread::Started(ChatMessage::new(channel, id)),
            StoredThread::Reserved => ChatThread::Reserved,
            StoredThread::BeingStarted => ChatThread::BeingStarted,
        })
    }

    async fn save(&self, channel: &str, subject: &str, message: &ChatMessage) -> Result<(), ChatThreadsError> {
        Ok(within(ANSWER, chat_message::save(&self.pool, (channel, subject), &message.id)).await?)
    }

    async fn release(&self, channel: &str, subject: &str, gone: Option<&ChatMessage>) -> Result<(), ChatThreadsError> {
        let gone = gone.map(|message| message.id.as_str());
        Ok(within(ANSWER, chat_message::release(&self.pool, (channel, subject), gone)).await?)
    }
}

/// The threads of a definition that is only checked.
pub(crate) struct NoThreads;

#[async_trait]
impl ChatThreads for NoThreads {
    async fn begin(&self, _: &str, _: &str) -> Result<ChatThread, ChatThreadsError> {
        Err(ChatThreadsError("threads are not stored here".to_owned()))
    }

    async fn save(&self, _: &str, _: &str, _: &ChatMessage) -> Result<(), ChatThreadsError> {
        Ok(())
    }

    async fn release(&self, _: &str, _: &str, _: Option<&ChatMessage>) -> Result<(), ChatThreadsError> {
        Ok(())
    }
}

impl From<eqp_store::Error> for ChatThreadsError {
    fn from(error: eqp_store::Error) -> Self {
        Self(error.to_string())
    }
}
