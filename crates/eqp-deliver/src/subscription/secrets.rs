//! Seals the secrets of a handler. They are bound to the name of the subscription and the target of the handler: a change in
//! the database alone cannot have them sent to another URL.

use std::collections::BTreeMap;

use eqp_store::internal::{SealedHandlerSecrets, SealedSecret};
use eqp_store::{Error, MasterKey};
use eqp_types::Secret;
use serde::{Deserialize, Serialize};

use crate::{HandlerDefinition, HandlerSecrets};

/// The sealed form. The texts exist only while they are sealed or opened.
#[derive(Serialize, Deserialize)]
struct Texts {
    signing: Vec<String>,
    named: BTreeMap<String, String>,
}

/// Seals the secrets of a handler, or returns `None` if it has none.
pub(super) fn seal(
    key: &MasterKey,
    name: &str,
    handler: &HandlerDefinition,
    secrets: &HandlerSecrets,
) -> Result<Option<SealedSecret>, Error> {
    if secrets.signing.is_empty() && secrets.named.is_empty() {
        return Ok(None);
    }
    let text = |secret: &Secret| secret.expose().to_owned();
    let texts = Texts {
        signing: secrets.signing.iter().map(text).collect(),
        named: secrets.named.iter().map(|(name, secret)| (name.clone(), text(secret))).collect(),
    };
    let json = serde_json::to_string(&texts).expect("texts are valid JSON");
    SealedSecret::seal_handler(key, (name, target(handler)), &Secret::new(json)).map(Some)
}

/// Opens the secrets of a handler. Returns `None` if they were sealed with another key, or for another name or target.
pub(crate) fn open(
    key: &MasterKey,
    name: &str,
    handler: &HandlerDefinition,
    sealed: SealedHandlerSecrets,
) -> Result<Option<HandlerSecrets>, Error> {
    let bound_to = (name, target(handler));
    let mut secrets = HandlerSecrets::default();
    for added in sealed.signing {
        let Some(secret) = added.open_handler(key, bound_to)? else { return Ok(None) };
        secrets.signing.push(secret);
    }
    let Some(initial) = sealed.initial else { return Ok(Some(secrets)) };
    let Some(json) = initial.open_handler(key, bound_to)? else { return Ok(None) };
    let Ok(texts) = serde_json::from_str::<Texts>(json.expose()) else { return Ok(None) };
    if !sealed.is_initial_signing_retired {
        secrets.signing.extend(texts.signing.into_iter().map(Secret::new));
    }
    secrets.named = texts.named.into_iter().map(|(name, text)| (name, Secret::new(text))).collect();
    Ok(Some(secrets))
}

/// Seals a signing secret that is added to those of a handler.
pub(super) fn seal_signing(
    key: &MasterKey,
    name: &str,
    handler: &HandlerDefinition,
    secret: &Secret,
) -> Result<SealedSecret, Error> {
    SealedSecret::seal_handler(key, (name, target(handler)), secret)
}

/// Returns what the secrets of a handler are sent to.
fn target(handler: &HandlerDefinition) -> &str {
    match handler {
        HandlerDefinition::Webhook(webhook) => &webhook.url,
        HandlerDefinition::Exec(exec) => &exec.program,
        HandlerDefinition::Slack(slack) => slack.channel.as_deref().unwrap_or(""),
        HandlerDefinition::Discord => "discord",
        HandlerDefinition::Teams => "teams",
        HandlerDefinition::Email(_) => "email",
        HandlerDefinition::Pull => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebhookDefinition;

    #[test]
    fn secrets_are_only_opened_for_the_same_url() {
        let key = MasterKey::ephemeral().unwrap();
        let webhook = |url: &str| HandlerDefinition::Webhook(WebhookDefinition::new(url));
        let secrets = HandlerSecrets { signing: vec![Secret::new("hush")], named: BTreeMap::new() };
        let sealed = || SealedHandlerSecrets {
            initial: seal(&key, "shop", &webhook("https://a/"), &secrets).unwrap(),
            ..SealedHandlerSecrets::default()
        };
        let opened = open(&key, "shop", &webhook("https://a/"), sealed()).unwrap().unwrap();
        assert_eq!(opened.signing[0].expose(), "hush");
        assert!(open(&key, "shop", &webhook("https://b/"), sealed()).unwrap().is_none());
        assert!(open(&key, "other", &webhook("https://a/"), sealed()).unwrap().is_none());
        assert!(open(&key, "shop", &HandlerDefinition::Pull, SealedHandlerSecrets::default()).unwrap().is_some());
    }

    #[test]
    fn added_signing_secrets_come_first_and_the_initial_ones_can_be_retired() {
        let key = MasterKey::ephemeral().unwrap();
        let webhook = HandlerDefinition::Webhook(WebhookDefinition::new("https://a/"));
        let named = BTreeMap::from([("token".to_owned(), Secret::new("t"))]);
        let secrets = HandlerSecrets { signing: vec![Secret::new("old")], named };
        for (is_initial_signing_retired, expected) in [(false, vec!["new", "old"]), (true, vec!["new"])] {
            let sealed = SealedHandlerSecrets {
                initial: seal(&key, "shop", &webhook, &secrets).unwrap(),
                is_initial_signing_retired,
                signing: vec![seal_signing(&key, "shop", &webhook, &Secret::new("new")).unwrap()],
            };
            let opened = open(&key, "shop", &webhook, sealed).unwrap().unwrap();
            assert_eq!(opened.signing.iter().map(Secret::expose).collect::<Vec<_>>(), expected);
            assert_eq!(opened.named["token"].expose(), "t");
        }
    }
}
