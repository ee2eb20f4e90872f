//! Identifies an entry of the list of callbacks, and displays it without credentials.

use std::fmt;

use eqp_types::ApiCallbackEntry;
use url::Url;

use crate::redact;

/// The identity of an entry: its URL and user name. The entry's own field `name` is only a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    url: String,
    username: String,
}

impl EntryName {
    /// Creates an identity from a URL and a user name.
    pub fn new(url: impl Into<String>, username: impl Into<String>) -> Self {
        Self { url: url.into(), username: username.into() }
    }

    /// Returns the identity of `entry`. For an entry that is not as documented, the URL is the JSON text of the entry.
    pub fn of(entry: &ApiCallbackEntry) -> Self {
        match entry {
            ApiCallbackEntry::Known(entry) => Self::new(&*entry.url, entry.username.as_deref().unwrap_or_default()),
            ApiCallbackEntry::Unreadable(value) => Self::new(value.to_string(), ""),
        }
    }

    /// Returns the URL exactly as registered. It may contain credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the user name; empty if the entry has none.
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&displayed_url(&self.url))?;
        if self.username.is_empty() { Ok(()) } else { write!(f, " (user `{}`)", self.username) }
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Returns the URL without credentials. A text that cannot be parsed may contain some and is not displayed.
fn displayed_url(text: &str) -> String {
    match Url::parse(text).ok().and_then(|url| redact::without_credentials(&url)) {
        // A URL without credentials is displayed as registered; `Url` would normalise it.
        Some(_) if !text.contains('@') => text.to_owned(),
        Some(plain) => plain.into(),
        None if text.starts_with('{') => "an undocumented entry".to_owned(),
        None => format!("an unreadable entry of {} bytes", text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_shown_without_the_credentials_in_its_url() {
        let displayed = |url: &str| EntryName::new(url, "key").to_string();
        assert_eq!(displayed("https://a.example/cb"), "https://a.example/cb (user `key`)");
        assert_eq!(displayed("https://me:hush@a.example/cb"), "https://a.example/cb (user `key`)");
        for odd in ["https://me:hush@", "me:hush@a.example", "{\"password\": \"hush\"}", "\"hush\""] {
            assert!(!displayed(odd).contains("hush"), "{}", displayed(odd));
            assert!(!format!("{:?}", EntryName::new(odd, "")).contains("hush"));
        }
    }
}
