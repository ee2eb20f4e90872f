//! Entries of the list as a command line names them, and what it tells of those that others registered.

use eqp_types::Secret;

/// What is known about entries that others registered.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    /// Their passwords.
    pub(crate) passwords: Vec<(EntryMatch, Secret)>,
    /// Those that may lose their password.
    pub(crate) may_lose: Vec<EntryMatch>,
}

/// Names entries: by URL, or by URL and user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryMatch {
    url: String,
    username: Option<String>,
}

impl EntryMatch {
    /// Names the entries of a URL, or the one with this user name.
    pub(crate) fn new(url: &str, username: Option<&str>) -> Self {
        Self { url: url.to_owned(), username: username.map(str::to_owned) }
    }

    /// Reads `URL` or `URL#USERNAME`; a registered URL has no fragment.
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once('#') {
            Some((url, username)) => Self::new(url, Some(username)),
            None => Self::new(text, None),
        }
    }

    pub(super) fn fits(&self, url: &str, username: &str) -> bool {
        self.url == url && self.username.as_deref().is_none_or(|name| name == username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_by_url_or_by_url_and_user() {
        let url = "https://a.example/cb?x=1";
        assert!(EntryMatch::parse(url).fits(url, "anybody"));
        let one = EntryMatch::parse("https://a.example/cb?x=1#key");
        assert!(one.fits(url, "key") && !one.fits(url, "other") && !one.fits("https://a.example/cb", "key"));
    }
}
