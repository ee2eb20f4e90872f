//! Calls of Slack's API.

use std::time::Duration;

use eqp_types::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::webhook::{Exchange, Request, Transport};
use crate::{AttemptOutcome, DefinitionError, HandlerEnvironment};

/// The URL of Slack's API.
const API: &str = "https://slack.com/api/";

/// Calls Slack's API as a bot.
pub(super) struct Api {
    transport: Transport,
    base: Url,
    authorization: HeaderValue,
}

/// The part of a response that matters.
#[derive(Debug, Deserialize)]
struct Response {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
}

/// A message that was posted.
pub(super) struct Posted {
    pub(super) channel: String,
    pub(super) ts: String,
}

/// A call that failed.
pub(super) struct Failed {
    pub(super) exchange: Exchange,
    /// The code of the error, if Slack has returned one.
    pub(super) code: Option<String>,
}

impl Failed {
    /// Returns whether the message, or the thread to reply to, does not exist any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.code.as_deref(), Some("message_not_found" | "thread_not_found"))
    }
}

impl Api {
    pub(super) fn new(token: &Secret, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        let base = environment.slack_api.clone();
        let base = base.unwrap_or_else(|| Url::parse(API).expect("the URL is a constant"));
        let wrong =
            || DefinitionError::Setup { reason: "the Slack token contains characters that tokens do not have".into() };
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| wrong())?;
        authorization.set_sensitive(true);
        Ok(Self { transport: Transport::new(base.clone(), environment)?, base, authorization })
    }

    /// Calls a method that posts or changes a message.
    pub(super) async fn call(&self, method: &str, arguments: &Value, deadline: Duration) -> Result<Posted, Failed> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let url = self.base.join(method).expect("the names of methods are constants");
        let request = Request::post(url, headers, arguments.to_string().into_bytes());
        let mut exchange = self.transport.send(request, deadline).await;
        if exchange.outcome != AttemptOutcome::Delivered {
            return Err(Failed { exchange, code: None });
        }
        match serde_json::from_str(&exchange.text) {
            Ok(Response { ok: true, channel: Some(channel), ts: Some(ts), .. }) => Ok(Posted { channel, ts }),
            Ok(Response { ok: false, error: Some(code), .. }) => {
                exchange.outcome = of_error(&code);
                exchange.text = format!("{method}: {code}");
                Err(Failed { exchange, code: Some(code) })
            }
            _ => {
                exchange.outcome = AttemptOutcome::EventFailed { retry_after: None };
                Err(Failed { exchange, code: None })
            }
        }
    }
}

/// Returns the outcome of a call that failed with this code.
fn of_error(code: &str) -> AttemptOutcome {
    match code {
        "account_inactive"
        | "channel_not_found"
        | "enterprise_is_restricted"
        | "invalid_auth"
        | "is_archived"
        | "missing_scope"
        | "no_permission"
        | "not_authed"
        | "not_in_channel"
        | "org_login_required"
        | "token_expired"
        | "token_revoked" => AttemptOutcome::Misconfigured(format!("Slack responded {code}")),
        "fatal_error" | "internal_error" | "ratelimited" | "request_timeout" | "service_unavailable" => {
            AttemptOutcome::HandlerDown { retry_after: None }
        }
        "msg_too_long" | "no_text" | "invalid_arguments" | "invalid_json" => AttemptOutcome::Invalid,
        _ => AttemptOutcome::EventFailed { retry_after: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_outcome_of_their_cause() {
        assert_eq!(of_error("invalid_auth"), AttemptOutcome::Misconfigured("Slack responded invalid_auth".to_owned()));
        assert_eq!(of_error("internal_error"), AttemptOutcome::HandlerDown { retry_after: None });
        assert_eq!(of_error("msg_too_long"), AttemptOutcome::Invalid);
        assert_eq!(of_error("something_new"), AttemptOutcome::EventFailed { retry_after: None });
    }
}
