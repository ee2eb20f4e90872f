//! One delivery to a channel as a bot, with one thread per subject.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api::{Api, Failed, Posted};
use super::text::Text;
use crate::webhook::Exchange;
use crate::{AttemptOutcome, ChatMessage, ChatThread, ChatThreads, ChatThreadsError};

/// The interval at which a worker looks whether another one has written the first message.
const LOOK: Duration = Duration::from_millis(100);
/// The time limit for it. Afterwards the delivery is retried.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of first messages that one delivery writes: if a user deletes the second one at once, the delivery fails.
const MAX_STARTS: usize = 2;

/// One delivery as a bot.
pub(super) struct Bot<'a> {
    pub(super) api: &'a Api,
    pub(super) channel: &'a str,
    pub(super) threads: &'a dyn ChatThreads,
    pub(super) end: Instant,
}

/// The place at which a change is written.
enum Place {
    /// Into a thread whose first message shows the current state.
    Thread(ChatMessage),
    /// Into no thread, because the first message of it was deleted.
    Gone(ChatMessage),
}

impl Bot<'_> {
    /// Edits the first message about the subject to its current state, and replies with the change.
    ///
    /// If an attempt is repeated, the edit changes nothing; only the reply can appear twice.
    pub(super) async fn write(&self, text: &Text) -> Result<(), Exchange> {
        let Some(subject) = &text.subject else {
            return self.post(&text.change, None).await.map(|_| ()).map_err(|failed| failed.exchange);
        };
        for _ in 0..MAX_STARTS {
            let gone = match self.place(subject, &text.state).await? {
                Place::Thread(first) => match self.post(&text.change, Some(&first)).await {
                    Ok(_) => return Ok(()),
                    Err(failed) if failed.is_gone() => first,
                    Err(failed) => return Err(failed.exchange),
                },
                Place::Gone(first) => first,
            };
            // A user has deleted it.
            self.threads.release(self.channel, subject, Some(&gone)).await.map_err(|error| unavailable(&error))?;
        }
        let retry = AttemptOutcome::EventFailed { retry_after: None };
        Err(Exchange::of(retry, "the first message of the thread was deleted while it was written"))
    }

    /// Returns the thread about a subject, whose first message shows `state`.
    async fn place(&self, subject: &str, state: &str) -> Result<Place, Exchange> {
        let give_up = (Instant::now() + PATIENCE).min(self.end);
        loop {
            match self.threads.begin(self.channel, subject).await.map_err(|error| unavailable(&error))? {
                ChatThread::Started(first) => {
                    let exists = self.edit(&first, state).await?;
                    return Ok(if exists { Place::Thread(first) } else { Place::Gone(first) });
                }
                ChatThread::Reserved => return self.start(subject, state).await.map(Place::Thread),
                ChatThread::BeingStarted if Instant::now() < give_up => sleep(LOOK).await,
                ChatThread::BeingStarted => {
                    return Err(Exchange::of(AttemptOutcome::RetryLater, "another worker is starting the thread"));
                }
            }
        }
    }

    /// Writes the first message of a thread.
    async fn start(&self, subject: &str, state: &str) -> Result<ChatMessage, Exchange> {
        match self.post(state, None).await {
            Ok(posted) => {
                let first = ChatMessage::new(posted.channel, posted.ts);
                self.threads.save(self.channel, subject, &first).await.map_err(|error| unavailable(&error))?;
                Ok(first)
            }
            Err(failed) => {
                // If this fails, the reservation ends later.
                let _ = self.threads.release(self.channel, subject, None).await;
                Err(failed.exchange)
            }
        }
    }

    /// Edits a message. Returns false if it does not exist any more.
    async fn edit(&self, message: &ChatMessage, text: &str) -> Result<bool, Exchange> {
        let arguments = json!({"channel": message.channel, "ts": message.id, "text": text});
        match self.call("chat.update", &arguments).await {
            Ok(_) => Ok(true),
            Err(failed) if failed.is_gone() => Ok(false),
            // Some workspaces forbid to edit messages after a while. The reply still belongs into the thread.
            Err(failed) if matches!(failed.code.as_deref(), Some("edit_window_closed" | "cant_update_message")) => {
                Ok(true)
            }
            Err(failed) => Err(failed.exchange),
        }
    }

    async fn post(&self, text: &str, thread: Option<&ChatMessage>) -> Result<Posted, Failed> {
        let mut arguments = json!({"channel": self.channel, "text": text, "unfurl_links": false});
        if let Some(thread) = thread {
            arguments["channel"] = thread.channel.clone().into();
            arguments["thread_ts"] = thread.id.clone().into();
        }
        self.call("chat.postMessage", &arguments).await
    }

    async fn call(&self, method: &str, arguments: &Value) -> Result<Posted, Failed> {
        self.api.call(method, arguments, self.end - Instant::now()).await
    }
}

fn unavailable(error: &ChatThreadsError) -> Exchange {
    Exchange::of(AttemptOutcome::HandlerDown { retry_after: None }, &error.to_string())
}
