//! The handler that writes to a Slack channel: through an incoming webhook, or as a bot with one thread per submission.

mod api;
mod text;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::redaction::Redaction;
use crate::webhook::{Exchange, Request, Transport};
use crate::{
    AttemptOutcome, AttemptResult, ChatMessage, ChatThreads, ChatThreadsError, DefinitionError, DeliveryHandler,
    HandlerEnvironment, HandlerSecrets, Message, SlackDefinition,
};
use api::{Api, Failed, Posted};
use text::Text;

/// The names of the secrets.
const URL: &str = "url";
const TOKEN: &str = "token";

/// Writes messages to a Slack channel.
pub(crate) struct Slack {
    access: Access,
    redaction: Redaction,
}

enum Access {
    /// The URL of an incoming webhook, which is a secret. It cannot edit messages, or reply to them.
    IncomingWebhook {
        transport: Transport,
        url: Url,
    },
    Bot {
        api: Api,
        channel: String,
        threads: Arc<dyn ChatThreads>,
    },
}

impl Slack {
    /// Creates the handler of a definition. Sends nothing.
    pub(crate) fn new(
        definition: &SlackDefinition,
        secrets: &HandlerSecrets,
        environment: &HandlerEnvironment,
    ) -> Result<Self, DefinitionError> {
        let secret = |name: &str| {
            secrets.named.get(name).ok_or_else(|| DefinitionError::MissingSecret { name: name.to_owned() })
        };
        let mut redaction = Redaction::of(secrets);
        let access = if let Some(channel) = &definition.channel {
            let setup = |reason: &str| DefinitionError::Setup { reason: reason.to_owned() };
            let threads = environment.threads.clone().ok_or_else(|| setup("threads cannot be stored here"))?;
            Access::Bot { api: Api::new(secret(TOKEN)?, environment)?, channel: channel.clone(), threads }
        } else {
            let wrong = |reason: String| DefinitionError::Url { url: "the Slack webhook".to_owned(), reason };
            let url = Url::parse(secret(URL)?.expose().trim()).map_err(|error| wrong(error.to_string()))?;
            redaction.add(url.path());
            Access::IncomingWebhook { transport: Transport::new(url.clone(), environment)?, url }
        };
        Ok(Self { access, redaction })
    }

    async fn write(&self, text: &Text, deadline: Duration) -> Exchange {
        match &self.access {
            Access::IncomingWebhook { transport, url } => {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let body = json!({"text": text.change, "unfurl_links": false}).to_string().into_bytes();
                transport.send(Request { url: url.clone(), headers, body }, deadline).await
            }
            Access::Bot { api, channel, threads } => {
                let end = Instant::now() + deadline;
                let bot = Bot { api, channel, threads: threads.as_ref(), end };
                match bot.write(text).await {
                    Ok(()) => Exchange::of(AttemptOutcome::Delivered, ""),
                    Err(exchange) => exchange,
                }
            }
        }
    }
}

#[async_trait]
impl DeliveryHandler for Slack {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let text = Text::of(&message.body);
        let is_bot = matches!(self.access, Access::Bot { .. });
        let Some(text) = text.filter(|text| text.is_decisive || (is_bot && text.subject.is_some())) else {
            return AttemptResult::new(AttemptOutcome::Skipped, None, start.elapsed(), "not a decisive change");
        };
        let Exchange { outcome, status, text, is_cut } = self.write(&text, deadline).await;
        AttemptResult::new(outcome, status, start.elapsed(), &self.redaction.apply(&text, is_cut))
    }
}

/// One delivery as a bot.
struct Bot<'a> {
    api: &'a Api,
    channel: &'a str,
    threads: &'a dyn ChatThreads,
    end: Instant,
}

impl Bot<'_> {
    /// Edits the first message about the subject to its current state, and replies with the change.
    ///
    /// If an attempt is repeated, the edit changes nothing; only the reply can appear twice.
    async fn write(&self, text: &Text) -> Result<(), Exchange> {
        let Some(subject) = &text.subject else {
            return self.post(&text.change, None).await.map(|_| ()).map_err(|failed| failed.exchange);
        };
        let first = self.threads.find(self.channel, subject).await.map_err(|error| unavailable(&error))?;
        let edited = match &first {
            Some(first) => self.edit(first, &text.state).await?,
            None => false,
        };
        let thread = match first {
            Some(first) if edited => first,
            // There is no message yet, or somebody has deleted it.
            _ => {
                let posted = self.post(&text.state, None).await.map_err(|failed| failed.exchange)?;
                let first = ChatMessage::new(posted.channel, posted.ts);
                self.threads.save(self.channel, subject, &first).await.map_err(|error| unavailable(&error))?;
                first
            }
        };
        self.post(&text.change, Some(&thread)).await.map(|_| ()).map_err(|failed| failed.exchange)
    }

    /// Edits a message. Returns false if it does not exist any more.
    async fn edit(&self, message: &ChatMessage, text: &str) -> Result<bool, Exchange> {
        let arguments = json!({"channel": message.channel, "ts": message.id, "text": text});
        match self.call("chat.update", &arguments).await {
            Ok(_) => Ok(true),
            Err(failed) if matches!(failed.code.as_deref(), Some("message_not_found" | "thread_not_found")) => {
                Ok(false)
            }
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
