//! Calls of a Discord webhook.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::webhook_url::is_id;
use crate::webhook::{Exchange, MAX_RETRY_AFTER, Request, Transport};
use crate::{AttemptOutcome, ChatMessage, DefinitionError, HandlerEnvironment};

/// The codes of errors: <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>
const UNKNOWN_MESSAGE: i64 = 10_008;
const UNKNOWN_WEBHOOK: i64 = 10_015;
const INVALID_WEBHOOK_TOKEN: i64 = 50_027;

/// The flag of messages in which links have no preview.
const SUPPRESS_EMBEDS: u32 = 1 << 2;

/// Calls a webhook.
pub(super) struct Api {
    transport: Transport,
    webhook: Url,
    channel: String,
}

/// The part of the response to a message that matters.
#[derive(Deserialize)]
struct Posted {
    id: String,
}

/// The response to a call that failed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: Option<i64>,
    message: Option<String>,
    /// In seconds.
    retry_after: Option<f64>,
}

impl Api {
    pub(super) fn new(webhook: Url, channel: &str, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        Ok(Self { transport: Transport::new(webhook.clone(), environment)?, webhook, channel: channel.to_owned() })
    }

    /// Writes a message.
    pub(super) async fn post(&self, content: &str, end: Instant) -> Result<ChatMessage, Exchange> {
        let mut url = self.webhook.clone();
        // Without it, the response does not contain the message.
        url.query_pairs_mut().append_pair("wait", "true");
        let request = Request::post(url, headers(), body(content));
        let mut exchange = self.transport.send(request, end - Instant::now()).await;
        if exchange.outcome != AttemptOutcome::Delivered {
            return Err(understood(exchange));
        }
        match serde_json::from_str::<Posted>(&exchange.text) {
            Ok(posted) if is_id(&posted.id) => Ok(ChatMessage::new(&self.channel, posted.id)),
            _ => {
                exchange.outcome = AttemptOutcome::EventFailed { retry_after: None };
                Err(exchange)
            }
        }
    }

    /// Edits a message. Returns false if it does not exist any more.
    pub(super) async fn edit(&self, message: &str, content: &str, end: Instant) -> Result<bool, Exchange> {
        let mut url = self.webhook.clone();
        url.path_segments_mut().expect("a URL of HTTP has a path").extend(["messages", message]);
        let exchange = self.transport.send(Request::patch(url, headers(), body(content)), end - Instant::now()).await;
        if exchange.outcome == AttemptOutcome::Delivered {
            return Ok(true);
        }
        let is_gone = problem(&exchange).code == Some(UNKNOWN_MESSAGE);
        if is_gone { Ok(false) } else { Err(understood(exchange)) }
    }
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn body(content: &str) -> Vec<u8> {
    let nobody = json!({"parse": []});
    json!({"content": content, "allowed_mentions": nobody, "flags": SUPPRESS_EMBEDS}).to_string().into_bytes()
}

fn problem(exchange: &Exchange) -> Problem {
    serde_json::from_str(&exchange.text).unwrap_or_default()
}

/// Returns a call that failed with the outcome of its cause.
fn understood(mut exchange: Exchange) -> Exchange {
    let Problem { code, message, retry_after } = problem(&exchange);
    exchange.outcome = match (exchange.outcome, code) {
        (AttemptOutcome::HandlerDown { retry_after: of_header }, _) => {
            let of_body = retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            AttemptOutcome::HandlerDown { retry_after: of_header.max(of_body.map(|wait| wait.min(MAX_RETRY_AFTER))) }
        }
        (_, Some(UNKNOWN_WEBHOOK)) => AttemptOutcome::Gone,
        (_, Some(INVALID_WEBHOOK_TOKEN)) => {
            AttemptOutcome::Misconfigured("Discord does not accept the token of the webhook".to_owned())
        }
        (outcome, _) => outcome,
    };
    if let Some(message) = message {
        exchange.text = match code {
            Some(code) => format!("{message} (code {code})"),
            None => message,
        };
    }
    exchange
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(outcome: AttemptOutcome, text: &str) -> AttemptOutcome {
        understood(Exchange::of(outcome, text)).outcome
    }

    #[test]
    fn errors_have_the_outcome_of_their_cause() {
        let failed = || AttemptOutcome::EventFailed { retry_after: None };
        let down = |wait: Option<Duration>| AttemptOutcome::HandlerDown { retry_after: wait };
        let second = Duration::from_secs(1);
        for (before, text, after) in [
            (failed(), r#"{"code": 10015}"#, AttemptOutcome::Gone),
            (failed(), r#"{"code": 10003}"#, failed()),
            (AttemptOutcome::Invalid, r#"{"code": 50006}"#, AttemptOutcome::Invalid),
            (down(None), r#"{"retry_after": 0.5}"#, down(Some(second / 2))),
            (down(Some(second)), r#"{"retry_after": 0.5}"#, down(Some(second))),
            (down(Some(second)), r#"{"retry_after": 1e9}"#, down(Some(MAX_RETRY_AFTER))),
            (down(Some(second)), r#"{"retry_after": -1}"#, down(Some(second))),
            (down(None), "busy", down(None)),
        ] {
            assert_eq!(outcome(before, text), after, "{text}");
        }
        let rejected = outcome(failed(), r#"{"code": 50027, "message": "Invalid Webhook Token"}"#);
        assert!(matches!(rejected, AttemptOutcome::Misconfigured(_)), "{rejected:?}");
    }
}
