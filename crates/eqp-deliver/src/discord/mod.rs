//! The handler that writes to a Discord channel through a webhook.
//!
//! Webhooks cannot reply to a message. The first message about a subject shows its current state and is edited; decisive changes are
//! messages of their own.

mod api;
mod webhook_url;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::chat::{Markup, Text, Thread};
use crate::redaction::Redaction;
use crate::webhook::Exchange;
use crate::{
    AttemptOutcome, AttemptResult, ChatThreads, DefinitionError, DeliveryHandler, HandlerEnvironment, HandlerSecrets,
    Message,
};
use api::Api;
use webhook_url::WebhookUrl;

/// The name of the secret: the URL of the webhook.
const URL: &str = "url";
/// The number of first messages that one delivery writes: if a user deletes the second one at once, the delivery fails.
const MAX_STARTS: usize = 2;

/// Writes messages to a Discord channel.
pub(crate) struct Discord {
    api: Api,
    channel: String,
    threads: Arc<dyn ChatThreads>,
    redaction: Redaction,
}

impl Discord {
    /// Creates the handler. Sends nothing.
    pub(crate) fn new(secrets: &HandlerSecrets, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        let url = secrets.named.get(URL).ok_or_else(|| DefinitionError::MissingSecret { name: URL.to_owned() })?;
        let WebhookUrl { url, channel, token } = WebhookUrl::read(url.expose())?;
        let setup = |reason: &str| DefinitionError::Setup { reason: reason.to_owned() };
        let threads = environment.threads.clone().ok_or_else(|| setup("threads cannot be stored here"))?;
        let mut redaction = Redaction::of(secrets);
        redaction.add(url.path());
        redaction.add(token.expose());
        Ok(Self { api: Api::new(url, &channel, environment)?, channel, threads, redaction })
    }

    async fn write(&self, text: &Text, end: Instant) -> Result<(), Exchange> {
        let change = Markup::Markdown.render(&text.change);
        let Some(subject) = &text.subject else {
            return self.api.post(&change, end).await.map(|_| ());
        };
        let state = Markup::Markdown.render(&text.state);
        let thread = Thread { threads: self.threads.as_ref(), channel: &self.channel, subject, end };
        for _ in 0..MAX_STARTS {
            let Some(is_new) = self.show(&thread, &state).await? else { continue };
            // A new first message has just notified the channel, unless it does not contain the reasons.
            if text.is_decisive && (!is_new || text.says_more) {
                self.api.post(&change, end).await?;
            }
            return Ok(());
        }
        let retry = AttemptOutcome::EventFailed { retry_after: None };
        Err(Exchange::of(retry, "the first message was deleted while it was written"))
    }

    /// Writes the state into the first message about the subject. Returns whether that is a new one, or `None` if a user has deleted it.
    async fn show(&self, thread: &Thread<'_>, state: &str) -> Result<Option<bool>, Exchange> {
        if let Some(first) = thread.begin().await? {
            if self.api.edit(&first.id, state, thread.end).await? {
                return Ok(Some(false));
            }
            thread.forget(&first).await?;
            return Ok(None);
        }
        match self.api.post(state, thread.end).await {
            Ok(first) => {
                thread.save(&first).await?;
                Ok(Some(true))
            }
            Err(exchange) => {
                thread.give_up().await;
                Err(exchange)
            }
        }
    }
}

#[async_trait]
impl DeliveryHandler for Discord {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let text = Text::of(&message.body).filter(|text| text.is_decisive || text.subject.is_some());
        let Some(text) = text else {
            return AttemptResult::new(AttemptOutcome::Skipped, None, start.elapsed(), "not a decisive change");
        };
        let written = self.write(&text, start + deadline).await;
        let exchange = written.err().unwrap_or_else(|| Exchange::of(AttemptOutcome::Delivered, ""));
        let note = self.redaction.apply(&exchange.text, exchange.is_cut);
        AttemptResult::new(exchange.outcome, exchange.status, start.elapsed(), &note)
    }
}
