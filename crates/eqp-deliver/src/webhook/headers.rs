//! The headers that a definition adds to requests.

use std::collections::BTreeMap;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::template::{Escape, NotRendered, Templates, Values};
use crate::redaction::Redaction;
use crate::{DefinitionError, HandlerSecrets};

/// The maximum number of additional headers.
const MAX_HEADERS: usize = 32;
/// The maximum size of a header's value in bytes.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// Parts of the names of headers with credentials, such as `x-gitlab-token`. Their values must come from stored secrets, because
/// definitions are shown and stored unencrypted.
const CREDENTIALS: &[&str] = &["api-key", "apikey", "authorization", "cookie", "password", "secret", "token"];

/// The length from which a word in a secret header is removed from notes.
const MIN_SECRET_WORD: usize = 8;

/// Headers that the handler or the HTTP client sets.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "eqp-replay",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// The headers of a definition, whose values are templates.
pub(super) struct ExtraHeaders(Vec<ExtraHeader>);

struct ExtraHeader {
    name: HeaderName,
    /// The name of the template.
    template: String,
    /// Whether the value can contain a secret.
    is_secret: bool,
}

/// The reason why a text cannot be sent as a header.
#[derive(Debug, thiserror::Error)]
#[error("the value of the header {name} {reason}")]
pub(super) struct HeaderError {
    name: String,
    reason: &'static str,
}

/// Returns the name of a header that a definition may set.
pub(super) fn checked_name(name: &str) -> Result<HeaderName, DefinitionError> {
    let wrong = |reason: &str| DefinitionError::Header {
        name: name.chars().filter(|letter| !letter.is_control()).take(100).collect(),
        reason: reason.to_owned(),
    };
    let parsed = HeaderName::try_from(name).map_err(|_| wrong("it is not a valid name"))?;
    if RESERVED.contains(&parsed.as_str()) {
        return Err(wrong("it is set automatically"));
    }
    Ok(parsed)
}

impl ExtraHeaders {
    pub(super) fn new(
        definition: &BTreeMap<String, String>,
        templates: &mut Templates,
        secrets: &HandlerSecrets,
    ) -> Result<Self, DefinitionError> {
        let wrong =
            |name: &str, reason: &str| DefinitionError::Header { name: name.to_owned(), reason: reason.to_owned() };
        if definition.len() > MAX_HEADERS {
            return Err(wrong("", "there are more than 32 additional headers"));
        }
        let mut headers = Vec::new();
        for (name, source) in definition {
            let parsed = checked_name(name)?;
            if source.contains(['\r', '\n']) {
                return Err(wrong(name, "its value contains a line end"));
            }
            let is_secret = source.contains("secrets");
            if is_credential(parsed.as_str()) && !is_secret {
                return Err(wrong(name, "its value must contain a stored secret, such as `{{ secrets.token }}`"));
            }
            let template = format!("header {parsed}");
            templates.add(&template, source, Escape::None, secrets)?;
            headers.push(ExtraHeader { name: parsed, template, is_secret });
        }
        Ok(Self(headers))
    }

    /// Renders the headers. Secret values are added to `redaction`.
    pub(super) fn render(
        &self,
        templates: &Templates,
        values: &Values,
        redaction: &mut Redaction,
    ) -> Result<HeaderMap, NotRendered> {
        let mut headers = HeaderMap::new();
        for header in &self.0 {
            let rendered = templates.render(&header.template, Escape::None, values)?;
            let mut value = value(header.name.as_str(), rendered.trim())?;
            if header.is_secret {
                // A response can repeat the credentials of the header without their scheme, such as `Basic`.
                rendered
                    .split_whitespace()
                    .filter(|word| word.len() >= MIN_SECRET_WORD)
                    .for_each(|word| redaction.add(word));
                value.set_sensitive(true);
            }
            headers.insert(header.name.clone(), value);
        }
        Ok(headers)
    }
}

/// Adds a header.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, text: &str) -> Result<(), HeaderError> {
    let value = value(name, text)?;
    let name = HeaderName::try_from(name)
        .map_err(|_| HeaderError { name: name.to_owned(), reason: "cannot be sent, because the name is not valid" })?;
    headers.insert(name, value);
    Ok(())
}

fn value(name: &str, text: &str) -> Result<HeaderValue, HeaderError> {
    let wrong = |reason| HeaderError { name: name.to_owned(), reason };
    if text.contains(['\r', '\n']) {
        return Err(wrong("contains a line end"));
    }
    if text.len() > MAX_VALUE_BYTES {
        return Err(wrong("is longer than 8 KiB"));
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| wrong("contains a control character"))
}

fn is_credential(name: &str) -> bool {
    CREDENTIALS.iter().any(|part| name.contains(part))
}
