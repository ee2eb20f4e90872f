//! The URL of a webhook, which contains its token.

use eqp_types::Secret;
use reqwest::Url;

use crate::DefinitionError;

/// The URL of a webhook.
#[derive(Debug)]
pub(super) struct WebhookUrl {
    /// Without a query, except for the thread of the channel to which messages are written.
    pub(super) url: Url,
    /// The name under which first messages are stored. Only the webhook that wrote a message can edit it.
    pub(super) channel: String,
    pub(super) token: Secret,
}

impl WebhookUrl {
    /// Reads a URL such as `https://discord.com/api/webhooks/ID/TOKEN`. No error contains a part of it.
    pub(super) fn read(text: &str) -> Result<Self, DefinitionError> {
        let wrong = |reason: String| DefinitionError::Url { url: "the Discord webhook".to_owned(), reason };
        let mut url = Url::parse(text.trim()).map_err(|error| wrong(error.to_string()))?;
        let form = || wrong("it must have the form https://discord.com/api/webhooks/ID/TOKEN".to_owned());
        let segments: Vec<&str> = url.path_segments().ok_or_else(form)?.collect();
        let [.., "webhooks", id, token] = segments.as_slice() else { return Err(form()) };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !is_id(id) || token.is_empty() || !token.bytes().all(is_plain) {
            return Err(form());
        }
        let (id, token) = ((*id).to_owned(), Secret::new(*token));
        let thread = url.query_pairs().find(|(name, _)| name == "thread_id").map(|(_, thread)| thread.into_owned());
        if thread.as_deref().is_some_and(|thread| !is_id(thread)) {
            return Err(wrong("its thread_id must be a number".to_owned()));
        }
        url.set_query(thread.as_ref().map(|thread| format!("thread_id={thread}")).as_deref());
        url.set_fragment(None);
        let place = thread.map(|thread| format!("/{thread}")).unwrap_or_default();
        Ok(Self { url, channel: format!("discord/{id}{place}"), token })
    }
}

/// Returns whether a text can be an ID: a number of at most 64 bits.
pub(super) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_is_the_webhook_and_its_thread() {
        for (text, url, channel) in [
            ("https://discord.com/api/webhooks/12/t-o_K", "https://discord.com/api/webhooks/12/t-o_K", "discord/12"),
            (
                " https://discord.com/api/v10/webhooks/12/tok?wait=true&thread_id=7#x\n",
                "https://discord.com/api/v10/webhooks/12/tok?thread_id=7",
                "discord/12/7",
            ),
        ] {
            let read = WebhookUrl::read(text).unwrap();
            assert_eq!((read.url.as_str(), read.channel.as_str()), (url, channel));
        }
    }

    #[test]
    fn another_url_is_rejected_without_repeating_it() {
        for text in [
            "hush",
            "https://discord.com/api/webhooks/hush/hush",
            "https://discord.com/api/webhooks/12",
            "https://discord.com/api/webhooks/12/hush/slack",
            "https://discord.com/api/webhooks/12/hush%2F..",
            "https://discord.com/api/webhooks/12/hush?thread_id=hush",
        ] {
            let error = WebhookUrl::read(text).unwrap_err().to_string();
            assert!(error.starts_with("the Discord webhook cannot be used: ") && !error.contains("hush"), "{error}");
        }
    }
}
