//! The handler that writes to a Slack channel: through an incoming webhook, or as a bot with one thread per submission.

mod api;
mod bot;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Url;
use serde_json::json;
use tokio::time::Instant;

use crate::chat::{Markup, Text};
use crate::redaction::Redaction;
use crate::webhook::{Exchange, Request, Transport};
use crate::{
    AttemptOutcome, AttemptResult, ChatThreads, DefinitionError, DeliveryHandler, HandlerEnvironment, HandlerSecrets,
    Message, SlackDefinition,
};
use api::Api;
use bot::Bot;

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
            if !is_channel_id(channel) {
                return Err(DefinitionError::Channel { channel: channel.chars().take(100).collect() });
            }
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
                let text = Markup::Slack.render(&text.change);
                let body = json!({"text": text, "unfurl_links": false}).to_string().into_bytes();
                transport.send(Request::post(url.clone(), headers, body), deadline).await
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

/// Returns whether a text can be the ID of a channel. A name is not accepted: another workspace can have the same one.
fn is_channel_id(channel: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    channel.starts_with(['C', 'D', 'G']) && (6..=40).contains(&channel.len()) && channel.bytes().all(is_plain)
}
