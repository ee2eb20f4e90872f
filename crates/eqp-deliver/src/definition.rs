//! Definitions of handlers: how the events of a subscription are delivered, as it is stored and declared in files.

use std::collections::BTreeMap;

use eqp_types::Secret;
use serde::{Deserialize, Serialize};

/// How the messages of a subscription are delivered. Contains no secrets: those are in [`HandlerSecrets`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HandlerDefinition {
    /// An HTTP request to a URL.
    Webhook(WebhookDefinition),
    /// A program on the worker's machine.
    Exec(ExecDefinition),
    /// Nothing is sent: consumers fetch the messages.
    Pull,
    /// Messages for people in a Slack channel.
    Slack(SlackDefinition),
    /// Messages for people in a Discord channel. The URL of the webhook is the secret `url`.
    Discord,
    /// Cards for people in Microsoft Teams. The URL of the webhook is the secret `url`.
    Teams,
    /// Mails, through the mail server of the worker's configuration.
    Email(EmailDefinition),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WebhookDefinition {
    /// The URL. Must not contain credentials. The path and the query can contain template expressions.
    pub url: String,
    /// How requests are signed.
    #[serde(default)]
    pub signature: SignatureScheme,
    /// Additional headers, as templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The template of the body. Without one, the body is the message as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The media type of the body. In JSON, each template expression is written as JSON.
    #[serde(default = "json", skip_serializing_if = "is_json")]
    pub content_type: String,
    /// Requests that are sent before the message, in order. Templates use their responses as `responses.NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupDefinition>,
}

/// A request that is sent before a message, with the headers of the webhook. It must be answered with JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LookupDefinition {
    /// The name of the response: lower-case letters, digits and `_`.
    pub name: String,
    /// The template of the URL, which has the host of the webhook. If it is empty, nothing is sent, and the response is null.
    pub url: String,
    /// The template of the body. Without one, the request is a `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// How requests are signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// The headers `webhook-id`, `webhook-timestamp` and `webhook-signature` of Standard Webhooks. They are signed if there is a secret
    /// for it.
    #[default]
    Standard,
    /// The hexadecimal HMAC-SHA256 of the body in a header.
    HmacSha256 {
        /// The name of the header, for example `X-Hub-Signature-256`.
        header: String,
        /// The text before the hexadecimal digits, for example `sha256=`.
        #[serde(default)]
        prefix: String,
    },
    /// None. The receiver authenticates requests by a header instead.
    None,
}

/// A program on the worker's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExecDefinition {
    /// The name of the program in the worker's configuration.
    pub program: String,
}

/// A Slack channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SlackDefinition {
    /// The ID of the channel, to which a bot writes with one thread per submission. Without one, an incoming webhook is used, which
    /// belongs to a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// The recipients of mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EmailDefinition {
    /// The addresses, at most 20. All of them are visible to each recipient.
    pub to: Vec<String>,
}

/// The secrets of a handler.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HandlerSecrets {
    /// The secrets with which requests are signed, the newest first. During a rotation there is more than one.
    pub signing: Vec<Secret>,
    /// Secrets for templates (`secrets.NAME`); `url` of a webhook of Slack, Discord or Teams, and `token` of a Slack bot.
    pub named: BTreeMap<String, Secret>,
}

impl HandlerSecrets {
    /// Returns whether they are the same, in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let signing =
            |secrets: &Self| secrets.signing.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>();
        let named = |secrets: &Self| {
            let pairs = secrets.named.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned()));
            pairs.collect::<Vec<_>>()
        };
        signing(self) == signing(other) && named(self) == named(other)
    }
}

/// The reason why a handler cannot be built. Contains no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The URL cannot be used.
    #[error("{url} cannot be used: {reason}")]
    Url {
        /// The scheme, host and port of the URL.
        url: String,
        /// The reason.
        reason: String,
    },
    /// A header cannot be used.
    #[error("the header {name} cannot be used: {reason}")]
    Header {
        /// The name of the header.
        name: String,
        /// The reason.
        reason: String,
    },
    /// A template cannot be used.
    #[error("the template of the {part} cannot be used: {reason}")]
    Template {
        /// The part of the request that the template results in.
        part: String,
        /// The reason.
        reason: String,
    },
    /// A request before the message cannot be used.
    #[error("the lookup {name} cannot be used: {reason}")]
    Lookup {
        /// The name of the lookup.
        name: String,
        /// The reason.
        reason: String,
    },
    /// The Slack channel is not the ID of a channel.
    #[error("`{channel}` is not the ID of a Slack channel, such as C024BE91L")]
    Channel {
        /// The channel.
        channel: String,
    },
    /// A text is not the address of a recipient.
    #[error("`{address}` cannot be a recipient: {reason}")]
    Recipient {
        /// The text, shortened.
        address: String,
        /// The reason.
        reason: String,
    },
    /// Mails cannot be sent: the mail server, or the recipients as a whole, cannot be used.
    #[error("mails cannot be sent: {reason}")]
    Mail {
        /// The reason.
        reason: String,
    },
    /// A secret is needed that is not stored.
    #[error("the secret `{name}` is not stored")]
    MissingSecret {
        /// The name of the secret.
        name: String,
    },
    /// The signature scheme needs a secret.
    #[error("the signature needs a secret")]
    NoSigningSecret,
    /// A secret for Standard Webhooks has another form.
    #[error("a signing secret must be `whsec_` and at least 24 bytes in Base64")]
    SigningSecret,
    /// A program cannot be run.
    #[error("the program `{program}` cannot be run: {reason}")]
    Program {
        /// The name or the path of the program.
        program: String,
        /// The reason.
        reason: String,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {reason}")]
    Setup {
        /// The reason.
        reason: String,
    },
}

impl HandlerDefinition {
    /// Returns whether people read the messages, which then contain as much as is known about the subject.
    pub(crate) fn is_for_people(&self) -> bool {
        match self {
            Self::Slack(_) | Self::Discord | Self::Teams | Self::Email(_) => true,
            Self::Webhook(_) | Self::Exec(_) | Self::Pull => false,
        }
    }
}

impl WebhookDefinition {
    /// Creates the definition of a webhook that receives messages as JSON, signed as Standard Webhooks defines.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            signature: SignatureScheme::default(),
            headers: BTreeMap::new(),
            body: None,
            content_type: json(),
            lookups: Vec::new(),
        }
    }

    /// Returns all templates except those of headers.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &String> {
        let lookups = self.lookups.iter().flat_map(|lookup| lookup.body.iter().chain([&lookup.url]));
        self.body.iter().chain([&self.url]).chain(lookups)
    }
}

impl LookupDefinition {
    /// Creates the definition of a `GET` request.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { name: name.into(), url: url.into(), body: None }
    }
}

impl ExecDefinition {
    /// Creates the definition of a handler that runs a program of the worker's configuration.
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into() }
    }
}

impl EmailDefinition {
    /// Creates the definition of a handler that sends mails to these addresses.
    pub fn new(to: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { to: to.into_iter().map(Into::into).collect() }
    }
}

fn json() -> String {
    "application/json".to_owned()
}

fn is_json(content_type: &str) -> bool {
    content_type == "application/json"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_survives_storage() {
        let mut webhook = WebhookDefinition::new("https://hooks.example.com/eqp");
        webhook.signature =
            SignatureScheme::HmacSha256 { header: "X-Hub-Signature-256".into(), prefix: "sha256=".into() };
        webhook.headers.insert("Authorization".into(), "Bearer {{ secrets.token }}".into());
        webhook.lookups.push(LookupDefinition::new("commit", "https://hooks.example.com/commits"));
        for definition in [
            HandlerDefinition::Webhook(webhook),
            HandlerDefinition::Webhook(WebhookDefinition::new("https://hooks.example.com")),
            HandlerDefinition::Exec(ExecDefinition::new("deploy")),
            HandlerDefinition::Pull,
            HandlerDefinition::Slack(SlackDefinition::default()),
            HandlerDefinition::Discord,
            HandlerDefinition::Teams,
            HandlerDefinition::Email(EmailDefinition::new(["ann@example.com"])),
        ] {
            let stored = serde_json::to_string(&definition).unwrap();
            assert_eq!(serde_json::from_str::<HandlerDefinition>(&stored).unwrap(), definition, "{stored}");
        }
    }

    #[test]
    fn a_misspelled_key_is_rejected() {
        let stored = r#"{"type": "exec", "program": "deploy", "command": "rm -rf /"}"#;
        assert!(serde_json::from_str::<HandlerDefinition>(stored).is_err());
    }
}
