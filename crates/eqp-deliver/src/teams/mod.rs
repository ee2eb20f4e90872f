//! The handler that posts cards to Microsoft Teams, through a webhook of the app Workflows.
//!
//! Such a webhook returns nothing about the message, so cards can be neither edited nor answered: only decisive changes are posted.

mod card;

use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::Url;
use tokio::time::Instant;

use crate::chat::Text;
use crate::redaction::Redaction;
use crate::webhook::{Exchange, Request, Transport};
use crate::{
    AttemptOutcome, AttemptResult, DefinitionError, DeliveryHandler, HandlerEnvironment, HandlerSecrets, Message,
};

/// The name of the secret: the URL of the webhook, whose query contains a signature.
const URL: &str = "url";

/// The length from which a value in the query can be the signature.
const MIN_SIGNATURE: usize = 20;

/// Posts cards to Microsoft Teams.
pub(crate) struct Teams {
    transport: Transport,
    url: Url,
    redaction: Redaction,
}

impl Teams {
    /// Creates the handler. Sends nothing.
    pub(crate) fn new(secrets: &HandlerSecrets, environment: &HandlerEnvironment) -> Result<Self, DefinitionError> {
        let secret = secrets.named.get(URL).ok_or_else(|| DefinitionError::MissingSecret { name: URL.to_owned() })?;
        let wrong = |reason: String| DefinitionError::Url { url: "the Teams webhook".to_owned(), reason };
        let mut url = Url::parse(secret.expose().trim()).map_err(|error| wrong(error.to_string()))?;
        url.set_fragment(None);
        let mut redaction = Redaction::of(secrets);
        redaction.add(url.path());
        // A response can repeat the signature encoded or decoded.
        let encoded =
            url.query().unwrap_or_default().split('&').filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
        let decoded = url.query_pairs().map(|(_, value)| value.into_owned());
        for value in encoded.chain(decoded).filter(|value| value.len() >= MIN_SIGNATURE) {
            redaction.add(&value);
        }
        Ok(Self { transport: Transport::new(url.clone(), environment)?, url, redaction })
    }
}

#[async_trait]
impl DeliveryHandler for Teams {
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult {
        let start = Instant::now();
        let Some(text) = Text::of(&message.body).filter(|text| text.is_decisive) else {
            return AttemptResult::new(AttemptOutcome::Skipped, None, start.elapsed(), "not a decisive change");
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let body = card::message(&text.change).to_string().into_bytes();
        let sent = self.transport.send(Request::post(self.url.clone(), headers, body), deadline).await;
        let Exchange { outcome, status, text, is_cut } = sent;
        AttemptResult::new(outcome, status, start.elapsed(), &self.redaction.apply(&text, is_cut))
    }
}
