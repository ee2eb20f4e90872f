//! By what an entry of the list is recognised, and how it is shown.

use std::fmt;

use eqp_types::ApiCallbackEntry;
use url::Url;

use crate::redact;

/// An entry's URL and user name: what tells it from others. A name given to it is only a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    url: String,
    username: String,
}

impl EntryName {
    /// Names an entry.
    pub fn new(url: impl Into<String>, username: impl Into<String>) -> Self {
        Self { url: url.into(), username: username.into() }
    }

    /// The name of `entry`; an entry of another form than documented has the JSON that it is instead of a URL.
    pub fn of(entry: &ApiCallbackEntry) -> Self {
        match entry {
            ApiCallbackEntry::Known(entry) => Self::new(&*entry.url, entry.username.as_deref().unwrap_or_default()),
            ApiCallbackEntry::Unreadable(value) => Self::new(value.to_string(), ""),
        }
    }

    /// The URL, exactly as registered. It may hold credentials, if somebody registered it so.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The user name; empty if it has none.
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_url(&self.url))?;
        if self.username.is_empty() { Ok(()) } else { write!(f, " (user `{}`)", self.username) }
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The URL without credentials. What cannot be parsed, or could hide some, is not shown past its beginning.
fn shown_url(text: &str) -> String {
    match Url::parse(text).ok().and_then(|url| redact::without_credentials(&url)) {
        // A URL without credentials is shown as it was written.
        Some(_) if !text.contains('@') => text.to_owned(),
        Some(plain) => plain.into(),
        None if text.starts_with('{') => "an entry of another form than documented".to_owned(),
        None => format!("an unreadable entry of {} bytes", text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_shown_without_the_credentials_in_its_url() {
        let shown = |url: &str| EntryName::new(url, "key").to_string();
        assert_eq!(shown("https://a.example/cb"), "https://a.example/cb (user `key`)");
        assert_eq!(shown("https://me:hush@a.example/cb"), "https://a.example/cb (user `key`)");
        for odd in ["https://me:hush@", "me:hush@a.example", "{\"password\": \"hush\"}", "\"hush\""] {
            assert!(!shown(odd).contains("hush"), "{}", shown(odd));
            assert!(!format!("{:?}", EntryName::new(odd, "")).contains("hush"));
        }
    }
}
