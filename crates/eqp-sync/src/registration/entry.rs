//! Selectors of entries, and passwords of unmanaged entries.

use eqp_client::callbacks::EntryName;
use eqp_types::Secret;

/// Passwords of unmanaged entries (those registered by other programs), and entries that may lose theirs.
///
/// ```no_run
/// # async fn example(registrations: eqp_sync::Registrations) -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_sync::{EntrySelector, NewRegistration, Unmanaged};
/// use eqp_types::Secret;
///
/// let known = EntrySelector::new("https://other.example.com/hook", Some("key"));
/// let unmanaged = Unmanaged::new()
///     .password_of(known, Secret::new(std::env::var("OTHER_PASSWORD")?))
///     .may_lose_password(EntrySelector::parse("https://old.example.com/hook"));
/// // A proxy rewrites the path of the URL.
/// let new = NewRegistration::new("main").url("https://eqp.example.com/eqp".parse()?).path("/callbacks/main");
/// let plan = registrations.observe().await?.with_unmanaged(unmanaged).add(&new)?;
/// println!("{plan}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Unmanaged {
    passwords: Vec<(EntrySelector, Secret)>,
    may_lose: Vec<EntrySelector>,
}

impl Unmanaged {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the password of an entry.
    #[must_use]
    pub fn password_of(mut self, entry: EntrySelector, password: Secret) -> Self {
        self.passwords.push((entry, password));
        self
    }

    /// Adds an entry that may lose its password, and possibly its callbacks.
    #[must_use]
    pub fn may_lose_password(mut self, entry: EntrySelector) -> Self {
        self.may_lose.push(entry);
        self
    }

    pub(super) fn password(&self, name: &EntryName) -> Option<&Secret> {
        self.passwords.iter().find(|(entry, _)| entry.selects(name)).map(|(_, password)| password)
    }

    pub(super) fn may_lose(&self, name: &EntryName) -> bool {
        self.may_lose.iter().any(|entry| entry.selects(name))
    }
}

/// Selects entries by URL, or by URL and user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySelector {
    url: String,
    username: Option<String>,
}

impl EntrySelector {
    /// Selects the entries of a URL, or the one with this user name.
    pub fn new(url: &str, username: Option<&str>) -> Self {
        Self { url: url.to_owned(), username: username.map(str::to_owned) }
    }

    /// Reads `URL` or `URL#USERNAME`; a registered URL has no fragment.
    pub fn parse(text: &str) -> Self {
        match text.split_once('#') {
            Some((url, username)) => Self::new(url, Some(username)),
            None => Self::new(text, None),
        }
    }

    pub(super) fn selects(&self, entry: &EntryName) -> bool {
        self.url == entry.url() && self.username.as_deref().is_none_or(|name| name == entry.username())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_by_url_or_by_url_and_user() {
        let url = "https://a.example/cb?x=1";
        assert!(EntrySelector::parse(url).selects(&EntryName::new(url, "anybody")));
        let one = EntrySelector::parse("https://a.example/cb?x=1#key");
        let selects = |url, username| one.selects(&EntryName::new(url, username));
        assert!(selects(url, "key") && !selects(url, "other") && !selects("https://a.example/cb", "key"));
    }
}
