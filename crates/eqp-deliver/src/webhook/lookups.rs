//! Requests that are sent before a message, whose responses its templates use.

use http::HeaderMap;
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::template::{Escape, NotRendered, Templates, Values};
use super::transport::{Exchange, Request, Transport};
use crate::{AttemptOutcome, DefinitionError, HandlerSecrets, LookupDefinition};

/// The maximum number of requests before a message.
const MAX_LOOKUPS: usize = 5;
const LONGEST_NAME: usize = 40;

/// The lookups of a webhook, in order.
pub(super) struct Lookups(Vec<Lookup>);

struct Lookup {
    name: String,
    /// The names of the templates.
    url: String,
    body: Option<String>,
    escape: Escape,
}

impl Lookups {
    /// Compiles the templates of lookups. Each can use the responses of the earlier ones.
    pub(super) fn new(
        definitions: &[LookupDefinition],
        escape: Escape,
        templates: &mut Templates,
        secrets: &HandlerSecrets,
    ) -> Result<Self, DefinitionError> {
        let mut lookups: Vec<Lookup> = Vec::new();
        for definition in definitions {
            let name = &definition.name;
            let wrong = |reason: &str| DefinitionError::Lookup {
                name: name.chars().take(LONGEST_NAME).collect(),
                reason: reason.to_owned(),
            };
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
                return Err(wrong("its name must consist of lower-case letters, digits and _"));
            }
            if lookups.iter().any(|earlier| earlier.name == *name) {
                return Err(wrong("another lookup has the same name"));
            }
            if lookups.len() == MAX_LOOKUPS {
                return Err(wrong("there are more than five"));
            }
            let url = format!("url of the lookup {name}");
            templates.add(&url, &definition.url, Escape::Percent, secrets)?;
            let body = definition.body.as_deref().map(|source| {
                let template = format!("body of the lookup {name}");
                templates.add(&template, source, escape, secrets).map(|()| template)
            });
            templates.allow_response(name);
            lookups.push(Lookup { name: name.clone(), url, body: body.transpose()?, escape });
        }
        Ok(Self(lookups))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends the lookups, and returns the values together with their responses, or the first exchange that failed.
    pub(super) async fn send(
        &self,
        (templates, transport): (&Templates, &Transport),
        values: &Values,
        headers: &HeaderMap,
        end: Instant,
    ) -> Result<Result<Values, Exchange>, NotRendered> {
        let mut responses = Map::new();
        for lookup in &self.0 {
            let values = values.with_responses(&responses);
            let request = match lookup.request(templates, &values, headers) {
                // A response has another form than expected, which can change.
                Err(NotRendered::Failed(reason)) if !responses.is_empty() => {
                    return Ok(Err(Exchange::of(AttemptOutcome::EventFailed { retry_after: None }, &reason)));
                }
                request => request?,
            };
            let Some(request) = request else {
                responses.insert(lookup.name.clone(), Value::Null);
                continue;
            };
            let mut exchange = transport.send(request, end - Instant::now()).await;
            let response = serde_json::from_str(&exchange.text);
            match response {
                Ok(response) if exchange.outcome == AttemptOutcome::Delivered => {
                    responses.insert(lookup.name.clone(), response);
                    continue;
                }
                Err(_) if exchange.outcome == AttemptOutcome::Delivered => {
                    exchange.outcome = AttemptOutcome::EventFailed { retry_after: None };
                    exchange.text = format!("the response is not JSON of at most 64 KiB: {}", exchange.text);
                }
                _ => {}
            }
            exchange.text = format!("lookup {}: {}", lookup.name, exchange.text);
            return Ok(Err(exchange));
        }
        Ok(Ok(values.with_responses(&responses)))
    }
}

impl Lookup {
    /// Returns the request, or `None` if the URL is empty.
    fn request(
        &self,
        templates: &Templates,
        values: &Values,
        headers: &HeaderMap,
    ) -> Result<Option<Request>, NotRendered> {
        let url = templates.render(&self.url, Escape::Percent, values)?;
        if url.trim().is_empty() {
            return Ok(None);
        }
        let url = Url::parse(url.trim())
            .map_err(|error| NotRendered::Failed(format!("the template of the {} failed: {error}", self.url)))?;
        let body = self.body.as_ref().map(|body| templates.render(body, self.escape, values)).transpose()?;
        Ok(Some(match body {
            Some(body) => Request::post(url, headers.clone(), body.into_bytes()),
            None => Request::get(url, headers.clone()),
        }))
    }
}
