//! Removes secrets from texts of others, such as a response that repeats the request.

use eqp_types::Secret;

use crate::HandlerSecrets;

/// The replacement of a secret.
const REPLACEMENT: &str = "[secret]";
/// The length from which the beginning of a secret is removed from the end of a text that was cut.
const MIN_PART: usize = 4;

/// The texts to remove.
#[derive(Clone, Default)]
pub(crate) struct Redaction(Vec<Secret>);

impl Redaction {
    pub(crate) fn of(secrets: &HandlerSecrets) -> Self {
        let mut redaction = Self::default();
        for secret in secrets.signing.iter().chain(secrets.named.values()) {
            redaction.add(secret.expose());
        }
        redaction
    }

    /// Adds a text that contains a secret.
    pub(crate) fn add(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.0.push(Secret::new(text.trim()));
            // Secrets inside of others would otherwise leave the rest of the longer one.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        }
    }

    /// Returns a text without the secrets. If it was cut, its end can be the beginning of a secret.
    pub(crate) fn apply(&self, text: &str, is_cut: bool) -> String {
        let mut text = text.to_owned();
        if is_cut {
            let longest = self.0.iter().filter_map(|secret| part_at_end(&text, secret.expose())).max();
            text.truncate(text.len() - longest.unwrap_or(0));
        }
        for secret in &self.0 {
            text = text.replace(secret.expose(), REPLACEMENT);
        }
        text
    }
}

/// Returns the length of the longest beginning of `secret` with which `text` ends, without its last character.
fn part_at_end(text: &str, secret: &str) -> Option<usize> {
    let ends = secret.char_indices().map(|(end, _)| end).filter(|end| *end >= MIN_PART);
    ends.filter(|end| text.ends_with(&secret[..*end])).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(texts: &[&str]) -> Redaction {
        let mut redaction = Redaction::default();
        for text in texts {
            redaction.add(text);
        }
        redaction
    }

    #[test]
    fn every_occurrence_is_replaced_and_longer_secrets_first() {
        let text = redaction(&["token", "token-2"]).apply("got token-2 and token, token", false);
        assert_eq!(text, "got [secret] and [secret], [secret]");
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_is_removed() {
        let redaction = redaction(&["ghp_0123456789"]);
        assert_eq!(redaction.apply("you sent ghp_01234", true), "you sent ");
        assert_eq!(redaction.apply("you sent gh", true), "you sent gh");
        assert_eq!(redaction.apply("you sent ghp_01234", false), "you sent ghp_01234");
    }

    #[test]
    fn an_empty_secret_replaces_nothing() {
        assert_eq!(redaction(&["", " "]).apply("text", true), "text");
    }
}
