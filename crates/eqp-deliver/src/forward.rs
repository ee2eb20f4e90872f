//! Forwards fetched messages to a program or a URL of a consumer's own choice, for example on a developer's machine.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eqp_types::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::exec::Exec;
use crate::redaction::Redaction;
use crate::webhook::{Request, Signer, TIMESTAMP, Transport, WEBHOOK_ID};
use crate::{
    AddressGuard, AttemptOutcome, AttemptResult, DefinitionError, ExecDefinition, HandlerEnvironment, HandlerSecrets,
    Program, RawMessage, SignatureScheme,
};

/// Runs a program for each message, or sends each message to a URL. Unlike the handler of a subscription, it can reach every address: the
/// consumer chooses it.
pub struct Forwarder(Target);

struct Webhook {
    transport: Transport,
    url: Url,
    signer: Signer,
    secrets: HandlerSecrets,
}

enum Target {
    Program(Exec),
    Webhook(Box<Webhook>),
}

/// Sends callbacks to a URL as the Marketplace sent them, with Basic authorization.
pub struct CallbackForwarder {
    transport: Transport,
    url: Url,
    authorization: Option<HeaderValue>,
}

impl Forwarder {
    /// Runs a program.
    pub fn program(program: Program) -> Self {
        Self(Target::Program(Exec::of(program)))
    }

    /// Runs a program of an environment.
    ///
    /// # Errors
    /// [`DefinitionError::Program`] if the environment has no program of this name.
    pub fn named_program(name: &str, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        Ok(Self(Target::Program(Exec::new(&ExecDefinition::new(name), environment)?)))
    }

    /// Sends messages to a URL with the headers of Standard Webhooks, signed if there are secrets.
    ///
    /// ```
    /// use eqp_deliver::{Forwarder, HandlerEnvironment};
    ///
    /// assert!(Forwarder::webhook("http://localhost:8080/hook", &[], HandlerEnvironment::default()).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`DefinitionError`] if the URL or a secret cannot be used.
    pub fn webhook(url: &str, secrets: &[Secret], environment: HandlerEnvironment) -> Result<Self, DefinitionError> {
        let (transport, url) = transport(url, environment)?;
        let signer = Signer::new(&SignatureScheme::Standard, secrets)?;
        let secrets = HandlerSecrets { signing: secrets.to_vec(), ..HandlerSecrets::default() };
        Ok(Self(Target::Webhook(Box::new(Webhook { transport, url, signer, secrets }))))
    }

    /// Makes one attempt to forward a message, which ends before `deadline` has passed (plus at most 7 seconds in which a program is
    /// stopped).
    pub async fn forward(&self, message: RawMessage<'_>, deadline: Duration) -> AttemptResult {
        let webhook = match &self.0 {
            Target::Program(exec) => return exec.run(message, deadline).await,
            Target::Webhook(webhook) => webhook,
        };
        let Webhook { transport, url, signer, secrets } = &**webhook;
        let timestamp = OffsetDateTime::now_utc().unix_timestamp();
        let mut headers = vec![(WEBHOOK_ID, message.id.to_owned()), (TIMESTAMP, timestamp.to_string())];
        headers.extend(signer.sign(message.id, timestamp, message.body.as_bytes()));
        headers.extend(message.replay.map(|replay| ("eqp-replay", replay.to_string())));
        let mut map = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in headers {
            let Some(header) = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok()) else {
                // Only possible if the server sent an ID that is not one.
                return unsendable("the message has an ID that cannot be sent as a header");
            };
            map.insert(header.0, header.1);
        }
        let request = Request::post(url.clone(), map, message.body.as_bytes().to_vec());
        sent(transport, request, deadline, &Redaction::of(secrets)).await
    }
}

impl CallbackForwarder {
    /// Sends callbacks to a URL, with this user and password.
    ///
    /// # Errors
    /// [`DefinitionError`] if the URL, the user or the password cannot be used.
    pub fn new(
        url: &str,
        credentials: Option<(&str, &Secret)>,
        environment: HandlerEnvironment,
    ) -> Result<Self, DefinitionError> {
        let (transport, url) = transport(url, environment)?;
        let authorization = credentials.map(|(user, password)| basic(user, password)).transpose()?;
        Ok(Self { transport, url, authorization })
    }

    /// Makes one attempt to send a callback, which ends before `deadline` has passed.
    pub async fn forward(&self, content_type: Option<&str>, body: &[u8], deadline: Duration) -> AttemptResult {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            let Ok(value) = HeaderValue::from_str(content_type) else {
                return unsendable("the content type of the callback cannot be sent");
            };
            headers.insert(CONTENT_TYPE, value);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let request = Request::post(self.url.clone(), headers, body.to_vec());
        // A response that repeats the credentials is not shown.
        let mut redaction = Redaction::of(&HandlerSecrets::default());
        if let Some(encoded) = self.authorization.as_ref().and_then(|value| value.to_str().ok()) {
            redaction.add(encoded.trim_start_matches("Basic "));
        }
        sent(&self.transport, request, deadline, &redaction).await
    }
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for CallbackForwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackForwarder").finish_non_exhaustive()
    }
}

fn transport(url: &str, mut environment: HandlerEnvironment) -> Result<(Transport, Url), DefinitionError> {
    let everywhere = AddressGuard::allowing(["0.0.0.0/0", "::/0"]);
    environment.guard = everywhere.expect("the networks are constants");
    let wrong = |reason: String| DefinitionError::Url { url: "the URL".to_owned(), reason };
    let url = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with http:// or https://, such as http://localhost:8080/hook".to_owned()));
    }
    Ok((Transport::new(url.clone(), &environment)?, url))
}

fn basic(user: &str, password: &Secret) -> Result<HeaderValue, DefinitionError> {
    let wrong = |reason: &str| DefinitionError::Header { name: "authorization".to_owned(), reason: reason.to_owned() };
    if user.contains(':') {
        return Err(wrong("a user name cannot contain a colon"));
    }
    let encoded = STANDARD.encode(format!("{user}:{}", password.expose()));
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| wrong("it cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn sent(transport: &Transport, request: Request, deadline: Duration, redaction: &Redaction) -> AttemptResult {
    let start = Instant::now();
    let exchange = transport.send(request, deadline).await;
    let note = redaction.apply(&exchange.text, exchange.is_cut);
    AttemptResult::new(exchange.outcome, exchange.status, start.elapsed(), &note)
}

fn unsendable(reason: &str) -> AttemptResult {
    AttemptResult::new(AttemptOutcome::Invalid, None, Duration::ZERO, reason)
}
