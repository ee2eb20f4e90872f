//! The handler that sends messages as HTTP requests.

mod headers;
mod outcome;
mod signature;
mod template;
mod transport;

use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use reqwest::Url;
use time::OffsetDateTime;
use tokio::time::Instant;

pub use signature::new_signing_secret;
pub(crate) use signature::{ID as WEBHOOK_ID, Signer, TIMESTAMP};
pub(crate) use transport::{Exchange, Request, Transport};

use crate::redaction::Redaction;
use crate::{
    AttemptOutcome, AttemptResult, DefinitionError, DeliveryHandler, HandlerEnvironment, HandlerSecrets, Message,
    WebhookDefinition,
};
use headers::{ExtraHeaders, HeaderError};
use template::{Escape, NotRendered, Templates, Values};

/// The maximum size of a rendered body in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;
const URL: &str = "url";
const BODY: &str = "body";
/// The note of an attempt whose response is not stored.
const RESPONSE_OMITTED: &str = "the response is not stored, because the body of the request contains secrets";
const FORM: &str = "application/x-www-form-urlencoded";

/// Sends messages as HTTP requests.
pub(crate) struct Webhook {
    transport: Transport,
    templates: Templates,
    extra: ExtraHeaders,
    content_type: HeaderValue,
    /// The escape of the body's template, or `None` if the body is the message.
    body: Option<Escape>,
    signer: Signer,
    secrets: HandlerSecrets,
    /// The body's template uses secrets.
    is_body_secret: bool,
}

impl Webhook {
    /// Creates the handler of a definition. Sends nothing.
    pub(crate) fn new(
        definition: &WebhookDefinition,
        secrets: &HandlerSecrets,
        environment: &HandlerEnvironment,
    ) -> Result<Self, DefinitionError> {
        let transport = Transport::new(origin(&definition.url)?, environment)?;
        let mut templates = Templates::new();
        templates.add(URL, &definition.url, Escape::Percent, secrets)?;
        let content_type = HeaderValue::from_str(&definition.content_type).map_err(|_| DefinitionError::Header {
            name: "content-type".to_owned(),
            reason: "it is not a media type".to_owned(),
        })?;
        let body = definition.body.as_deref();
        let body = body.map(|source| {
            let escape = body_escape(&definition.content_type);
            templates.add(BODY, source, escape, secrets).map(|()| escape)
        });
        Ok(Self {
            extra: ExtraHeaders::new(&definition.headers, &mut templates, secrets)?,
            transport,
            templates,
            content_type,
            body: body.transpose()?,
            signer: Signer::new(&definition.signature, &secrets.signing)?,
            secrets: secrets.clone(),
            is_body_secret: definition.body.as_deref().is_some_and(|body| body.contains("secrets")),
        })
    }

    /// Creates the request of a message, and the texts in it that are secret.
    fn request(&self, message: &Message, now: OffsetDateTime) -> Result<(Request, Redaction), NotRendered> {
        let mut redaction = Redaction::of(&self.secrets);
        let failed = |reason: String| NotRendered::Failed(reason);
        let values = Values::new(message, &self.secrets);
        let url = self.templates.render(URL, Escape::Percent, &values)?;
        let url = Url::parse(&url).map_err(|error| failed(format!("the template of the url failed: {error}")))?;
        let body = match self.body {
            None => message.json(),
            Some(escape) => self.templates.render(BODY, escape, &values)?,
        };
        if body.len() > MAX_BODY_BYTES {
            return Err(NotRendered::Invalid(format!("the body has more than {MAX_BODY_BYTES} bytes")));
        }
        if self.body == Some(Escape::Json)
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(failed(format!("the template of the body does not result in JSON: {error}")));
        }
        let mut headers = self.extra.render(&self.templates, &values, &mut redaction)?;
        headers.insert(http::header::CONTENT_TYPE, self.content_type.clone());
        let timestamp = now.unix_timestamp();
        let mut add = |name: &str, value: &str| headers::insert(&mut headers, name, value);
        add(signature::ID, &message.id)?;
        add(signature::TIMESTAMP, &timestamp.to_string())?;
        if let Some((name, value)) = self.signer.sign(&message.id, timestamp, body.as_bytes()) {
            add(name, &value)?;
        }
        if let Some(replay) = message.replay {
            add("eqp-replay", &replay.to_string())?;
        }
        Ok((Request { url, headers, body: body.into_bytes() }, redaction))
    }
}

#[async_trait]
impl DeliveryHandler for Webhook {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let (request, redaction) = match self.request(message, OffsetDateTime::now_utc()) {
            Ok(request) => request,
            Err(NotRendered::Skipped(reason)) => {
                return AttemptResult::new(AttemptOutcome::Skipped, None, start.elapsed(), &reason);
            }
            Err(NotRendered::Invalid(reason)) => {
                return AttemptResult::new(AttemptOutcome::Invalid, None, start.elapsed(), &reason);
            }
            Err(NotRendered::Failed(reason)) => {
                let reason = Redaction::of(&self.secrets).apply(&reason, false);
                return AttemptResult::new(
                    AttemptOutcome::Misconfigured(reason.clone()),
                    None,
                    start.elapsed(),
                    &reason,
                );
            }
        };
        let Exchange { outcome, status, text, is_cut } = self.transport.send(request, deadline).await;
        // A filter can write a secret in any form, so a response that repeats the request cannot be redacted.
        let note = if self.is_body_secret && status.is_some() {
            RESPONSE_OMITTED.to_owned()
        } else {
            redaction.apply(&text, is_cut)
        };
        AttemptResult::new(outcome, status, start.elapsed(), &note)
    }
}

impl From<HeaderError> for NotRendered {
    fn from(error: HeaderError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Returns the URL without path and query, which can contain template expressions.
fn origin(url: &str) -> Result<Url, DefinitionError> {
    let start = url.find("://").map_or(0, |colon| colon + 3);
    let end = url[start..].find(['/', '?', '#', '\\']).map_or(url.len(), |end| start + end);
    let origin = &url[..end];
    // The URL is not part of the errors, because it can contain credentials.
    let wrong = |reason: String| DefinitionError::Url { url: "the URL".to_owned(), reason };
    if origin.contains("{{") || origin.contains("{%") {
        return Err(wrong("only the path and the query can contain template expressions".to_owned()));
    }
    Url::parse(origin).map_err(|error| wrong(error.to_string()))
}

/// Returns how expressions are written in a body with this media type.
fn body_escape(content_type: &str) -> Escape {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type == "application/json" || media_type.ends_with("+json") {
        Escape::Json
    } else if media_type == FORM {
        Escape::Percent
    } else {
        Escape::None
    }
}
