//! The interface to the storage of threads.

use async_trait::async_trait;

/// Stores which message of a chat started the thread about a subject.
#[async_trait]
pub trait ChatThreads: Send + Sync {
    /// Returns the first message about `subject` in `channel`.
    ///
    /// # Errors
    /// [`ChatThreadsError`] if the storage cannot be read.
    async fn find(&self, channel: &str, subject: &str) -> Result<Option<ChatMessage>, ChatThreadsError>;

    /// Stores the first message about `subject` in `channel`, in place of any other.
    ///
    /// # Errors
    /// [`ChatThreadsError`] if the storage cannot be written.
    async fn save(&self, channel: &str, subject: &str, message: &ChatMessage) -> Result<(), ChatThreadsError>;
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
#[error("cannot use the stored threads: {0}")]
pub struct ChatThreadsError(pub String);

impl ChatMessage {
    /// Creates a reference to a message.
    pub fn new(channel: impl Into<String>, id: impl Into<String>) -> Self {
        Self { channel: channel.into(), id: id.into() }
    }
}
