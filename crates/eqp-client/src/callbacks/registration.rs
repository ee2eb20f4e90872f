//! A registration that is wished for, checked before anything is sent.

use eqp_types::Secret;
use url::Url;

use super::EntryName;

/// The most characters that a URL may have.
const LONGEST_URL: usize = 2000;

/// Where the Marketplace is to send callbacks, and what it proves itself with.
#[derive(Clone, Debug)]
pub struct Registration {
    pub(super) label: Option<String>,
    pub(super) name: EntryName,
    pub(super) password: Secret,
}

/// Why a registration cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// It is no absolute URL.
    #[error("the callback URL is no absolute URL, such as `https://callbacks.example.com/callbacks/main`")]
    NoUrl,
    /// It is not `https`.
    #[error("the callback URL must begin with `https://`: the Marketplace sends callbacks over HTTPS only")]
    NotHttps,
    /// It holds a user name or a password.
    #[error("the callback URL must not hold credentials: user name and password are given apart from it")]
    Credentials,
    /// It has a fragment.
    #[error("the callback URL must not have a fragment (`#…`): it is never sent")]
    Fragment,
    /// It is too long.
    #[error("the callback URL has {characters} characters; at most {LONGEST_URL} are allowed")]
    TooLong {
        /// How many characters it has.
        characters: usize,
    },
    /// It holds spaces or control characters.
    #[error("the callback URL holds spaces or control characters; encode them")]
    Whitespace,
    /// The user name is empty.
    #[error("the user name is empty")]
    NoUsername,
    /// The user name cannot be told from the password in a Basic header.
    #[error("the user name must not hold a colon: Basic authorization could not tell it from the password")]
    Colon,
    /// The password is empty.
    #[error("the password is empty")]
    NoPassword,
    /// The user name or the password holds control characters.
    #[error("the user name and the password must not hold control characters")]
    ControlCharacter,
}

impl Registration {
    /// Checks what is wished for. The URL is registered exactly as it is written here.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(url: &str, username: &str, password: Secret) -> Result<Self, RegistrationError> {
        check_url(url)?;
        if username.is_empty() {
            return Err(RegistrationError::NoUsername);
        }
        if username.contains(':') {
            return Err(RegistrationError::Colon);
        }
        if password.expose().is_empty() {
            return Err(RegistrationError::NoPassword);
        }
        if username.chars().chain(password.expose().chars()).any(char::is_control) {
            return Err(RegistrationError::ControlCharacter);
        }
        Ok(Self { label: None, name: EntryName::new(url, username), password })
    }

    /// Gives it a label. An entry that it replaces keeps its own if none is given.
    #[must_use]
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The URL as it is registered.
    pub fn url(&self) -> &str {
        self.name.url()
    }

    /// The user name.
    pub fn username(&self) -> &str {
        self.name.username()
    }
}

fn check_url(text: &str) -> Result<(), RegistrationError> {
    let characters = text.chars().count();
    if characters > LONGEST_URL {
        return Err(RegistrationError::TooLong { characters });
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(RegistrationError::Whitespace);
    }
    let url = Url::parse(text).map_err(|_| RegistrationError::NoUrl)?;
    if url.scheme() != "https" || !text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://")) {
        return Err(RegistrationError::NotHttps);
    }
    // `https://@host` has credentials too, though empty ones.
    let authority = text[8..].split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(RegistrationError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(RegistrationError::Fragment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(url: &str, username: &str, password: &str) -> Option<RegistrationError> {
        Registration::new(url, username, Secret::new(password)).err()
    }

    #[test]
    fn urls_that_cannot_work_are_refused() {
        let long = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        for (url, refused) in [
            ("https://developer.example.com/rest/v1/callback", None),
            ("HTTPS://a.example", None),
            ("https://a.example:8443/cb?x=@y", None),
            ("https://[::1]/cb", None),
            (&long(2000), None),
            (&long(2001), Some(RegistrationError::TooLong { characters: 2001 })),
            ("http://a.example/cb", Some(RegistrationError::NotHttps)),
            ("ftp://a.example/cb", Some(RegistrationError::NotHttps)),
            ("https:a.example/cb", Some(RegistrationError::NotHttps)),
            ("https:\\\\me:hush@a.example", Some(RegistrationError::NotHttps)),
            ("https://me:hush@a.example/cb", Some(RegistrationError::Credentials)),
            ("https://me@a.example/cb", Some(RegistrationError::Credentials)),
            ("https://@a.example/cb", Some(RegistrationError::Credentials)),
            ("https://a.example/cb#top", Some(RegistrationError::Fragment)),
            ("https://a.example/cb#", Some(RegistrationError::Fragment)),
            ("a.example/cb", Some(RegistrationError::NoUrl)),
            ("", Some(RegistrationError::NoUrl)),
            ("https://", Some(RegistrationError::NoUrl)),
            (" https://a.example/cb", Some(RegistrationError::Whitespace)),
            ("https://a.example/c b", Some(RegistrationError::Whitespace)),
            ("https://a.example/c\nb", Some(RegistrationError::Whitespace)),
        ] {
            assert_eq!(error(url, "key", "secret"), refused, "{url}");
        }
    }

    #[test]
    fn credentials_that_cannot_work_are_refused() {
        let url = "https://a.example/cb";
        assert_eq!(error(url, "", "secret"), Some(RegistrationError::NoUsername));
        assert_eq!(error(url, "a:b", "secret"), Some(RegistrationError::Colon));
        assert_eq!(error(url, "key", ""), Some(RegistrationError::NoPassword));
        assert_eq!(error(url, "key", "a\nb"), Some(RegistrationError::ControlCharacter));
        assert_eq!(error(url, "key", "with:colon and ü"), None);
    }

    #[test]
    fn debug_shows_no_password() {
        let registration = Registration::new("https://a.example", "key", Secret::new("hush")).unwrap();
        assert!(!format!("{registration:?}").contains("hush"));
    }
}
