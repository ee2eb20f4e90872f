//! The options of `eqp subscriptions add` that define a handler.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use eqp_console::SubscriptionRequest;
use eqp_deliver::{
    EmailDefinition, ExecDefinition, HandlerDefinition, Recipe, SignatureScheme, SlackDefinition, WebhookDefinition,
    new_signing_secret,
};
use eqp_types::Secret;

use crate::config::read_secret;
use crate::failure::{Failure, Result};

/// The names of the secrets of chats.
const CHAT_URL: &str = "url";
const SLACK_TOKEN: &str = "token";

/// How events are delivered.
#[derive(Args, Debug)]
pub(super) struct HandlerOptions {
    /// Send events to this URL (HTTPS, without credentials)
    #[arg(long, value_name = "URL", help_heading = "Handler")]
    webhook: Option<String>,
    /// Send events by a recipe, see `eqp subscriptions recipes`
    #[arg(long, value_name = "RECIPE", help_heading = "Handler")]
    recipe: Option<String>,
    /// Run this program of the server's configuration (exec.NAME)
    #[arg(long, value_name = "NAME", help_heading = "Handler")]
    exec: Option<String>,
    /// Write to this Slack channel (its ID) as a bot
    ///
    /// The messages about a submission are in one thread.
    #[arg(long, value_name = "CHANNEL", requires = "slack_token_file", help_heading = "Handler")]
    slack_channel: Option<String>,
    /// File (mode 0600) with the URL of a Slack incoming webhook
    ///
    /// Only decisive changes are sent: a version was submitted, rejected, canceled, released or removed, or a scan
    /// failed; and alerts.
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Handler")]
    slack_webhook_file: Option<PathBuf>,
    /// File (mode 0600) with the token of the Slack bot
    ///
    /// The token begins with xoxb-, and needs the scope chat:write.
    #[arg(long, value_name = "FILE", requires = "slack_channel", hide_short_help = true, help_heading = "Handler",
          conflicts_with_all = ["webhook", "recipe", "exec", "slack_webhook_file", "discord_webhook_file",
                                "teams_webhook_file", "emails", "pull"])]
    slack_token_file: Option<PathBuf>,
    /// File (mode 0600) with the URL of a Discord webhook
    #[arg(long, alias = "discord", value_name = "FILE", help_heading = "Handler")]
    discord_webhook_file: Option<PathBuf>,
    /// File (mode 0600) with the URL of a Teams webhook (Workflows)
    ///
    /// Only decisive changes are sent, see --slack-webhook-file.
    #[arg(long, alias = "teams", value_name = "FILE", hide_short_help = true, help_heading = "Handler")]
    teams_webhook_file: Option<PathBuf>,
    /// Send mails to this address (repeatable)
    ///
    /// Only decisive changes are sent, see --slack-webhook-file. The server's configuration names the mail server
    /// ([mail]).
    #[arg(long = "email", value_name = "ADDRESS", value_delimiter = ',', help_heading = "Handler")]
    emails: Vec<String>,
    /// Send nothing: consumers fetch the messages
    ///
    /// The operator API returns the messages to consumers.
    #[arg(long, help_heading = "Handler")]
    pull: bool,

    /// Parameter of the recipe (repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "recipe", value_parser = pair,
          hide_short_help = true, help_heading = "Webhook", conflicts_with = "webhook", conflicts_with_all = NO_REQUEST)]
    parameters: Vec<(String, String)>,
    /// File (mode 0600) with the secret that signs requests
    ///
    /// A secret of Standard Webhooks begins with whsec_.
    #[arg(long, value_name = "FILE", help_heading = "Webhook", conflicts_with_all = NO_REQUEST)]
    secret_file: Option<PathBuf>,
    /// Generate the secret that signs requests, and print it once
    #[arg(long, help_heading = "Webhook", conflicts_with = "secret_file", conflicts_with_all = NO_REQUEST)]
    generate_secret: bool,
    /// Sign with the HMAC-SHA256 of the body, in this header
    ///
    /// The HMAC is hexadecimal; an example of a header is X-Hub-Signature-256. Without this option, requests are signed
    /// by Standard Webhooks.
    #[arg(long, value_name = "HEADER", requires = "webhook", hide_short_help = true, help_heading = "Webhook",
          conflicts_with = "recipe", conflicts_with_all = NO_REQUEST)]
    hmac_header: Option<String>,
    /// Text before the digits in the header, such as sha256=
    #[arg(long, value_name = "TEXT", requires = "hmac_header", hide_short_help = true, help_heading = "Webhook")]
    hmac_prefix: Option<String>,
    /// Additional header (repeatable)
    ///
    /// The value can contain {{ data.… }} and {{ secrets.… }}.
    #[arg(long = "header", value_name = "NAME=TEMPLATE", requires = "webhook", value_parser = pair,
          hide_short_help = true, help_heading = "Webhook", conflicts_with = "recipe", conflicts_with_all = NO_REQUEST)]
    headers: Vec<(String, String)>,
    /// File with the template of the body [default: the message as JSON]
    #[arg(long, value_name = "FILE", requires = "webhook", hide_short_help = true, help_heading = "Webhook",
          conflicts_with = "recipe", conflicts_with_all = NO_REQUEST)]
    body_template: Option<PathBuf>,
    /// Media type of the body [default: application/json]
    #[arg(long, value_name = "TYPE", requires = "webhook", hide_short_help = true, help_heading = "Webhook",
          conflicts_with = "recipe", conflicts_with_all = NO_REQUEST)]
    content_type: Option<String>,
    /// Secret for templates, from a file (mode 0600; repeatable)
    ///
    /// Templates contain it as {{ secrets.NAME }}.
    #[arg(long = "secret", value_name = "NAME=FILE", value_parser = pair, help_heading = "Webhook",
          conflicts_with_all = NO_REQUEST)]
    secrets: Vec<(String, String)>,
}

// clap ignores `requires` if the required option conflicts with one that is given, so both are stated.
const NO_REQUEST: [&str; 7] =
    ["exec", "slack_channel", "slack_webhook_file", "discord_webhook_file", "teams_webhook_file", "emails", "pull"];

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.trim().is_empty() || value.is_empty() {
        return Err("write NAME=VALUE, both of which are not empty".to_owned());
    }
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl HandlerOptions {
    /// Returns the request to create a subscription with this handler, and the signing secret that was generated for it.
    pub(super) fn request(self, name: String) -> Result<(SubscriptionRequest, Option<Secret>)> {
        let mut request = SubscriptionRequest::new(name, self.definition()?);
        for (name, file) in &self.secrets {
            let secret = read_secret(Path::new(file), &format!("the secret {name}"))?;
            if request.secrets.insert(name.clone(), secret).is_some() {
                return Err(Failure::usage(format!("--secret {name} is given twice")));
            }
        }
        for (file, what) in [
            (&self.slack_webhook_file, "the URL of the Slack webhook"),
            (&self.discord_webhook_file, "the URL of the Discord webhook"),
            (&self.teams_webhook_file, "the URL of the Teams webhook"),
        ] {
            let Some(file) = file else { continue };
            request.secrets.insert(CHAT_URL.to_owned(), read_secret(file, what)?);
        }
        if let Some(file) = &self.slack_token_file {
            request.secrets.insert(SLACK_TOKEN.to_owned(), read_secret(file, "the token of the Slack bot")?);
        }
        if let Some(file) = &self.secret_file {
            request.signing_secrets.push(read_secret(file, "the signing secret")?);
        }
        let generated = self.generate_secret.then(new_signing_secret);
        request.signing_secrets.extend(generated.clone());
        Ok((request, generated))
    }

    fn definition(&self) -> Result<HandlerDefinition> {
        if let Some(url) = &self.webhook {
            return Ok(HandlerDefinition::Webhook(self.webhook(url)?));
        }
        if let Some(name) = &self.recipe {
            return Ok(HandlerDefinition::Webhook(self.of_recipe(name)?));
        }
        if let Some(program) = &self.exec {
            return Ok(HandlerDefinition::Exec(ExecDefinition::new(program)));
        }
        if self.slack_channel.is_some() || self.slack_webhook_file.is_some() {
            let mut slack = SlackDefinition::default();
            slack.channel.clone_from(&self.slack_channel);
            return Ok(HandlerDefinition::Slack(slack));
        }
        if self.discord_webhook_file.is_some() {
            return Ok(HandlerDefinition::Discord);
        }
        if self.teams_webhook_file.is_some() {
            return Ok(HandlerDefinition::Teams);
        }
        if !self.emails.is_empty() {
            return Ok(HandlerDefinition::Email(EmailDefinition::new(&self.emails)));
        }
        if self.pull {
            return Ok(HandlerDefinition::Pull);
        }
        let handlers = "pass --webhook URL, --recipe RECIPE, --exec NAME, --slack-…, --discord-…, --teams-…, --email ADDRESS \
                        or --pull";
        Err(Failure::usage("no handler is given").next(handlers))
    }

    fn webhook(&self, url: &str) -> Result<WebhookDefinition> {
        let mut webhook = WebhookDefinition::new(url);
        if let Some(header) = &self.hmac_header {
            let prefix = self.hmac_prefix.clone().unwrap_or_default();
            webhook.signature = SignatureScheme::HmacSha256 { header: header.clone(), prefix };
        }
        for (name, template) in &self.headers {
            if webhook.headers.insert(name.to_lowercase(), template.clone()).is_some() {
                return Err(Failure::usage(format!("--header {name} is given twice")));
            }
        }
        if let Some(file) = &self.body_template {
            let text = std::fs::read_to_string(file);
            webhook.body = Some(text.map_err(|error| {
                Failure::usage(format!("cannot read the template {}", file.display())).because(&error)
            })?);
        }
        if let Some(content_type) = &self.content_type {
            webhook.content_type.clone_from(content_type);
        }
        Ok(webhook)
    }

    fn of_recipe(&self, name: &str) -> Result<WebhookDefinition> {
        let next = "eqp subscriptions recipes lists the recipes with their parameters";
        let recipe =
            Recipe::named(name).ok_or_else(|| Failure::usage(format!("there is no recipe `{name}`")).next(next))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in &self.parameters {
            if parameters.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::usage(format!("--set {name} is given twice")));
            }
        }
        for (secret, description) in recipe.secrets {
            if self.secrets.iter().all(|(given, _)| given != secret) {
                return Err(Failure::usage(format!("the recipe {name} needs a secret: {description}"))
                    .next(format!("write it to a file with mode 0600 and pass --secret {secret}=FILE")));
            }
        }
        recipe
            .definition(&parameters)
            .map_err(|error| Failure::usage(format!("the recipe {name} cannot be used")).because(&error).next(next))
    }
}
