//! Subscriptions that the configuration of a server declares. `eqp serve` creates and changes them at its start.
//!
//! A file that was found in the current folder cannot declare any: their handlers receive events, and can be programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eqp_deliver::{
    DefinitionError, DigestInterval, EmailDefinition, ExecDefinition, Fallback, HandlerDefinition, HandlerEnvironment,
    NewSubscription, SignatureScheme, SlackDefinition, SubscriptionFilter, WebhookDefinition,
};
use serde::Deserialize;

use super::{from_folder, read_secret};
use crate::arguments::{order_hold, timeout};
use crate::failure::{Failure, Result};

/// The declared subscriptions, by name.
pub(crate) type DeclaredSubscriptions = BTreeMap<String, SubscriptionOptions>;

/// A declared subscription. The keys are those of the options of `eqp subscriptions add`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub(crate) struct SubscriptionOptions {
    webhook: Option<String>,
    secret_file: Option<PathBuf>,
    previous_secret_file: Option<PathBuf>,
    hmac_header: Option<String>,
    hmac_prefix: Option<String>,
    exec: Option<String>,
    pull: bool,
    slack_url_file: Option<PathBuf>,
    slack_channel: Option<String>,
    slack_token_file: Option<PathBuf>,
    discord_url_file: Option<PathBuf>,
    teams_url_file: Option<PathBuf>,
    email: Vec<String>,
    kind: Vec<String>,
    flow: Vec<String>,
    status: Vec<String>,
    sku: Vec<String>,
    account: Vec<String>,
    origin: Vec<String>,
    explicit_only: bool,
    applied_only: bool,
    alerts: Vec<String>,
    alerts_only: bool,
    digest: Option<DigestInterval>,
    order_hold: Option<String>,
    fallback_for: Option<String>,
    fallback_after: Option<String>,
}

/// Returns the subscriptions that a server declares. Fails if one of them could never be delivered.
pub(crate) fn declared(
    subscriptions: &DeclaredSubscriptions,
    environment: &HandlerEnvironment,
) -> Result<Vec<NewSubscription>> {
    let declared: Vec<_> =
        subscriptions.iter().map(|(name, options)| options.declared(name, environment)).collect::<Result<_>>()?;
    refuse_cycles(subscriptions)?;
    Ok(declared)
}

/// Fails if declared subscriptions are fallbacks of each other, because none of them would ever receive an alert.
fn refuse_cycles(subscriptions: &DeclaredSubscriptions) -> Result {
    let next = |name: &str| subscriptions.get(name)?.fallback_for.as_deref();
    for name in subscriptions.keys() {
        let mut chain = vec![name.as_str()];
        while let Some(first) = next(chain[chain.len() - 1]) {
            if first == name {
                return Err(Failure::usage(format!("subscriptions.{name}.fallback_for cannot be used"))
                    .why(format!("the subscriptions are fallbacks of each other: {} -> {name}", chain.join(" -> ")))
                    .next("remove one of these fallback_for: the first subscription of a chain has none"));
            }
            if chain.contains(&first) {
                // Another name reports this cycle.
                break;
            }
            chain.push(first);
        }
    }
    Ok(())
}

impl SubscriptionOptions {
    /// Returns the name of the subscription for which it is the fallback.
    pub(crate) fn fallback_for(&self) -> Option<&str> {
        self.fallback_for.as_deref()
    }

    pub(super) fn in_folder(&mut self, folder: &Path) {
        for file in [
            &mut self.secret_file,
            &mut self.previous_secret_file,
            &mut self.slack_url_file,
            &mut self.slack_token_file,
            &mut self.discord_url_file,
            &mut self.teams_url_file,
        ] {
            from_folder(file, folder);
        }
    }

    fn declared(&self, name: &str, environment: &HandlerEnvironment) -> Result<NewSubscription> {
        let refused = |key: &str| Failure::usage(format!("subscriptions.{name}{key} cannot be used"));
        let mut new = NewSubscription::new(name, self.handler().map_err(|why| refused("").why(why))?);
        let mut filter = SubscriptionFilter::default();
        (filter.kinds, filter.flows, filter.statuses) = (self.kind.clone(), self.flow.clone(), self.status.clone());
        (filter.skus, filter.accounts, filter.origins) = (self.sku.clone(), self.account.clone(), self.origin.clone());
        (filter.explicit_only, filter.applied_only) = (self.explicit_only, self.applied_only);
        (filter.alerts, filter.alerts_only, filter.digest) = (self.alerts.clone(), self.alerts_only, self.digest);
        new.filter = filter;
        if let Some(text) = &self.order_hold {
            new.order_hold = order_hold(text).map_err(|why| refused(".order_hold").why(why))?;
        }
        new.fallback = self.fallback_for.as_ref().map(Fallback::of);
        if let Some(text) = &self.fallback_after {
            let fallback =
                new.fallback.take().ok_or_else(|| refused(".fallback_after").why("there is no fallback_for"))?;
            let after = timeout(text).map_err(|why| refused(".fallback_after").why(why))?;
            new.fallback = Some(fallback.after(after));
        }
        for file in [&self.secret_file, &self.previous_secret_file].into_iter().flatten() {
            new.secrets.signing.push(read_secret(file, &format!("the signing secret of the subscription {name}"))?);
        }
        for (key, what, file) in [
            ("url", "Slack url", &self.slack_url_file),
            ("token", "Slack token", &self.slack_token_file),
            ("url", "Discord url", &self.discord_url_file),
            ("url", "Teams url", &self.teams_url_file),
        ] {
            let Some(file) = file else { continue };
            let secret = read_secret(file, &format!("the {what} of the subscription {name}"))?;
            new.secrets.named.insert(key.to_owned(), secret);
        }
        new.check().map_err(|error| refused("").because(&error))?;
        let refused_because = |error: DefinitionError| refused("").because(&error);
        match &new.handler {
            HandlerDefinition::Webhook(_) | HandlerDefinition::Exec(_) | HandlerDefinition::Pull => {
                new.handler.build(&new.secrets, environment).map_err(refused_because)?;
            }
            // They need storage for their threads, which only the worker has.
            HandlerDefinition::Slack(_)
            | HandlerDefinition::Discord
            | HandlerDefinition::Teams
            | HandlerDefinition::Email(_) => {
                let warnings = new.handler.check(&new.secrets, Some(environment)).map_err(refused_because)?;
                if !warnings.is_empty() {
                    return Err(refused("").why("the configuration has no mail server ([mail])"));
                }
            }
        }
        Ok(new)
    }

    /// Returns the handler, or the reason why there is not exactly one.
    fn handler(&self) -> Result<HandlerDefinition, &'static str> {
        let is_slack = self.slack_url_file.is_some() || self.slack_channel.is_some() || self.slack_token_file.is_some();
        let needs_webhook =
            [self.secret_file.is_some(), self.previous_secret_file.is_some(), self.hmac_header.is_some()];
        if self.webhook.is_none() && needs_webhook.contains(&true) {
            return Err("a signing secret and hmac_header need a webhook");
        }
        if self.hmac_prefix.is_some() && self.hmac_header.is_none() {
            return Err("hmac_prefix needs hmac_header");
        }
        let mut handlers = Vec::new();
        handlers.extend(self.webhook.as_ref().map(|url| HandlerDefinition::Webhook(self.webhook(url))));
        handlers.extend(self.exec.as_ref().map(|program| HandlerDefinition::Exec(ExecDefinition::new(program))));
        handlers.extend(self.pull.then_some(HandlerDefinition::Pull));
        if is_slack {
            handlers.push(self.slack()?);
        }
        handlers.extend(self.discord_url_file.as_ref().map(|_| HandlerDefinition::Discord));
        handlers.extend(self.teams_url_file.as_ref().map(|_| HandlerDefinition::Teams));
        if !self.email.is_empty() {
            handlers.push(HandlerDefinition::Email(EmailDefinition::new(&self.email)));
        }
        match handlers.pop() {
            Some(handler) if handlers.is_empty() => Ok(handler),
            _ => Err("it needs exactly one of webhook, exec, pull, slack_url_file, slack_channel, discord_url_file, \
                      teams_url_file and email"),
        }
    }

    fn webhook(&self, url: &str) -> WebhookDefinition {
        let mut webhook = WebhookDefinition::new(url);
        if let Some(header) = &self.hmac_header {
            let prefix = self.hmac_prefix.clone().unwrap_or_default();
            webhook.signature = SignatureScheme::HmacSha256 { header: header.clone(), prefix };
        }
        webhook
    }

    fn slack(&self) -> Result<HandlerDefinition, &'static str> {
        let mut slack = SlackDefinition::default();
        match (&self.slack_url_file, &self.slack_channel, &self.slack_token_file) {
            (Some(_), None, None) => {}
            (None, Some(channel), Some(_)) => slack.channel = Some(channel.clone()),
            _ => return Err("Slack needs either slack_url_file, or slack_channel and slack_token_file"),
        }
        Ok(HandlerDefinition::Slack(slack))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_that_cannot_be_delivered_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "exactly one of webhook, exec"),
            ("webhook = 'https://a.example'\nexec = 'b'", "exactly one of webhook, exec"),
            ("exec = 'unknown'", "unknown"),
            ("webhook = 'https://10.0.0.1/'", "10.0.0.1"),
            ("webhook = 'https://a.example'\nkind = ['submision']", "submision"),
            ("webhook = 'https://a.example'\norder_hold = 'soon'", "order_hold cannot be used"),
            ("webhook = 'https://a.example'\nsecret_file = '/nowhere'", "the signing secret of the subscription shop"),
            ("webhook = 'https://a.example'\nfallback_for = 'shop'", "its own fallback"),
            ("webhook = 'https://a.example'\nfallback_after = '5m'", "there is no fallback_for"),
            ("webhook = 'https://a.example'\nfallback_for = 'a'\nkind = ['file']", "a fallback receives alerts only"),
            ("slack_channel = 'C1'", "slack_channel and slack_token_file"),
            ("pull = true\nsecret_file = 'x'", "need a webhook"),
            ("discord_url_file = '/nowhere'", "the Discord url of the subscription shop"),
            ("teams_url_file = '/nowhere'\npull = true", "exactly one of webhook, exec"),
            ("email = ['ann']", "`ann` cannot be a recipient"),
            ("email = ['ann@example.com']", "no mail server ([mail])"),
            ("pull = true\ndigest = 'weekly'\nflow = ['overall']", "a digest can be restricted to products"),
        ] {
            let options: SubscriptionOptions = toml::from_str(text).unwrap();
            let failure = options.declared("shop", &HandlerEnvironment::default()).unwrap_err().to_string();
            assert!(failure.contains("shop") && failure.contains(reason), "{text}: {failure}");
        }
        let fine: SubscriptionOptions = toml::from_str("webhook = 'https://a.example'\nalerts = ['page']").unwrap();
        assert_eq!(fine.declared("shop", &HandlerEnvironment::default()).unwrap().filter.alerts, ["page"]);
    }
}
