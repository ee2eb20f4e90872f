//! The threads of chats, without a database.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use eqp_deliver::{ChatMessage, ChatThread, ChatThreads, ChatThreadsError};

/// Threads in memory. `None`: a worker is starting the thread.
#[derive(Default)]
pub(crate) struct Threads(Mutex<HashMap<(String, String), Option<ChatMessage>>>);

#[async_trait]
impl ChatThreads for Threads {
    async fn begin(&self, channel: &str, subject: &str) -> Result<ChatThread, ChatThreadsError> {
        let mut threads = self.0.lock().unwrap();
        Ok(match threads.get(&(channel.to_owned(), subject.to_owned())) {
            Some(Some(first)) => ChatThread::Started(first.clone()),
            Some(None) => ChatThread::BeingStarted,
            None => {
                threads.insert((channel.to_owned(), subject.to_owned()), None);
                ChatThread::Reserved
            }
        })
    }

    async fn save(&self, channel: &str, subject: &str, message: &ChatMessage) -> Result<(), ChatThreadsError> {
        self.0.lock().unwrap().insert((channel.to_owned(), subject.to_owned()), Some(message.clone()));
        Ok(())
    }

    async fn release(&self, channel: &str, subject: &str, gone: Option<&ChatMessage>) -> Result<(), ChatThreadsError> {
        let (mut threads, key) = (self.0.lock().unwrap(), (channel.to_owned(), subject.to_owned()));
        if threads.get(&key).is_some_and(|first| first.as_ref() == gone) {
            threads.remove(&key);
        }
        Ok(())
    }
}
