//! The handler that sends messages as HTTP requests.

mod headers;
mod lookups;
mod outcome;
mod repository;
mod signature;
mod template;
mod transport;

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue};
use reqwest::Url;
use time::OffsetDateTime;
use tokio::time::Instant;

pub(crate) use outcome::MAX_RETRY_AFTER;
pub(crate) use signature::{ID as WEBHOOK_ID, Signer, TIMESTAMP};
pub use signature::{check_signing_secret, new_signing_secret};
pub(crate) use transport::{Exchange, Request, Transport};

use crate::redaction::Redaction;
use crate::{
    AttemptOutcome, AttemptResult, DefinitionError, DeliveryHandler, HandlerEnvironment, HandlerSecrets, Message,
    WebhookDefinition,
};
use headers::{ExtraHeaders, HeaderError};
use lookups::Lookups;
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
    lookups: Lookups,
    /// The escape of the body's template, or `None` if the body is the message.
    body: Option<Escape>,
    signer: Signer,
    secrets: HandlerSecrets,
    /// A template of a body uses secrets.
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
        // Without responses, because lookups have the same headers.
        let extra = ExtraHeaders::new(&definition.headers, &mut templates, secrets)?;
        let escape = body_escape(&definition.content_type);
        let lookups = Lookups::new(&definition.lookups, escape, &mut templates, secrets)?;
        templates.add(URL, &definition.url, Escape::Percent, secrets)?;
        let content_type = HeaderValue::from_str(&definition.content_type).map_err(|_| DefinitionError::Header {
            name: "content-type".to_owned(),
            reason: "it is not a media type".to_owned(),
        })?;
        let body = definition.body.as_deref();
        let body = body.map(|source| templates.add(BODY, source, escape, secrets).map(|()| escape));
        let lookup_bodies = definition.lookups.iter().filter_map(|lookup| lookup.body.as_ref());
        Ok(Self {
            extra,
            transport,
            templates,
            content_type,
            lookups,
            body: body.transpose()?,
            signer: Signer::new(&definition.signature, &secrets.signing)?,
            secrets: secrets.clone(),
            is_body_secret: definition.body.iter().chain(lookup_bodies).any(|body| body.contains("secrets")),
        })
    }

    /// Sends the lookups and then the message. Texts of the requests that are secret are added to `redaction`.
    async fn send(&self, message: &Message, end: Instant, redaction: &mut Redaction) -> Result<Exchange, NotRendered> {
        let mut values = Values::new(message, &self.secrets);
        let mut headers = self.extra.render(&self.templates, &values, redaction)?;
        headers.insert(http::header::CONTENT_TYPE, self.content_type.clone());
        if !self.lookups.is_empty() {
            let with = (&self.templates, &self.transport);
            match self.lookups.send(with, &values, &headers, end).await? {
                Ok(with_responses) => values = with_responses,
                Err(failed) => return Ok(failed),
            }
        }
        let request = match self.request(message, &values, headers, OffsetDateTime::now_utc()) {
            // The next response can have the expected form.
            Err(NotRendered::Failed(reason)) if !self.lookups.is_empty() => {
                return Ok(Exchange::of(AttemptOutcome::EventFailed { retry_after: None }, &reason));
            }
            request => request?,
        };
        Ok(self.transport.send(request, end - Instant::now()).await)
    }

    /// Creates the request of a message.
    fn request(
        &self,
        message: &Message,
        values: &Values,
        mut headers: HeaderMap,
        now: OffsetDateTime,
    ) -> Result<Request, NotRendered> {
        let failed = |reason: String| NotRendered::Failed(reason);
        let url = self.templates.render(URL, Escape::Percent, values)?;
        let url = Url::parse(&url).map_err(|error| failed(format!("the template of the URL failed: {error}")))?;
        let body = match self.body {
            None => message.json(),
            Some(escape) => self.templates.render(BODY, escape, values)?,
        };
        if body.len() > MAX_BODY_BYTES {
            return Err(NotRendered::Invalid(format!("the body has more than {MAX_BODY_BYTES} bytes")));
        }
        if self.body == Some(Escape::Json)
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(failed(format!("the template of the body does not result in JSON: {error}")));
        }
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
        Ok(Request::post(url, headers, body.into_bytes()))
    }
}

#[async_trait]
impl DeliveryHandler for Webhook {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let mut redaction = Redaction::of(&self.secrets);
        let exchange = match self.send(message, start + deadline, &mut redaction).await {
            Ok(exchange) => exchange,
            Err(NotRendered::Skipped(reason)) => Exchange::of(AttemptOutcome::Skipped, &reason),
            Err(NotRendered::Invalid(reason)) => Exchange::of(AttemptOutcome::Invalid, &reason),
            Err(NotRendered::Failed(reason)) => {
                let reason = redaction.apply(&reason, false);
                Exchange::of(AttemptOutcome::Misconfigured(reason.clone()), &reason)
            }
        };
        let Exchange { outcome, status, text, is_cut } = exchange;
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
