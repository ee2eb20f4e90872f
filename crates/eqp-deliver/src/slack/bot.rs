//! One delivery to a channel as a bot, with one thread per subject.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Api, Failed, Posted};
use crate::chat::{Markup, Text, Thread};
use crate::webhook::Exchange;
use crate::{AttemptOutcome, ChatMessage, ChatThreads};

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
        let (state, change) = (Markup::Slack.render(&text.state), Markup::Slack.render(&text.change));
        let Some(subject) = &text.subject else {
            return self.post(&change, None).await.map(|_| ()).map_err(|failed| failed.exchange);
        };
        let thread = Thread { threads: self.threads, channel: self.channel, subject, end: self.end };
        for _ in 0..MAX_STARTS {
            let gone = match self.place(&thread, &state).await? {
                Place::Thread(first) => match self.post(&change, Some(&first)).await {
                    Ok(_) => return Ok(()),
                    Err(failed) if failed.is_gone() => first,
                    Err(failed) => return Err(failed.exchange),
                },
                Place::Gone(first) => first,
            };
            thread.forget(&gone).await?;
        }
        let retry = AttemptOutcome::EventFailed { retry_after: None };
        Err(Exchange::of(retry, "the first message of the thread was deleted while it was written"))
    }

    /// Returns the thread about a subject, whose first message shows `state`.
    async fn place(&self, thread: &Thread<'_>, state: &str) -> Result<Place, Exchange> {
        if let Some(first) = thread.begin().await? {
            let exists = self.edit(&first, state).await?;
            return Ok(if exists { Place::Thread(first) } else { Place::Gone(first) });
        }
        match self.post(state, None).await {
            Ok(posted) => {
                let first = ChatMessage::new(posted.channel, posted.ts);
                thread.save(&first).await?;
                Ok(Place::Thread(first))
            }
            Err(failed) => {
                thread.give_up().await;
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
