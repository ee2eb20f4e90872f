//! A registration, validated before anything is sent.

use eqp_types::Secret;
use url::Url;

use super::EntryName;

/// The maximum length of a URL, in characters.
const MAX_URL_CHARACTERS: usize = 2000;

/// A URL that the Marketplace sends callbacks to, with the credentials that it uses.
#[derive(Clone, Debug)]
pub struct Registration {
    pub(crate) label: Option<String>,
    pub(crate) name: EntryName,
    pub(crate) password: Secret,
}

/// The reason why a registration is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The URL is not absolute.
    #[error("the callback URL is not an absolute URL such as `https://callbacks.example.com/callbacks/main`")]
    NoUrl,
    /// The URL does not use `https`.
    #[error("the callback URL must begin with `https://`, because the Marketplace sends callbacks over HTTPS only")]
    NotHttps,
    /// The URL contains a user name or a password.
    #[error("the callback URL must not contain credentials; specify user name and password separately")]
    Credentials,
    /// The URL has a fragment.
    #[error("the callback URL must not have a fragment (`#…`), because fragments are never sent")]
    Fragment,
    /// The URL is too long.
    #[error("the callback URL has {characters} characters; at most {MAX_URL_CHARACTERS} are allowed")]
    TooLong {
        /// Its length in characters.
        characters: usize,
    },
    /// The URL contains spaces or control characters.
    #[error("the callback URL contains spaces or control characters; percent-encode them")]
    Whitespace,
    /// The user name is empty.
    #[error("the user name is empty")]
    NoUsername,
    /// The user name contains a colon.
    #[error("the user name must not contain a colon, because HTTP Basic authentication uses it as the separator")]
    Colon,
    /// The password is empty.
    #[error("the password is empty")]
    NoPassword,
    /// The user name or the password contains control characters.
    #[error("the user name and the password must not contain control characters")]
    ControlCharacter,
}

impl Registration {
    /// Validates the parts of a registration. The URL is registered exactly as given.
    ///
    /// # Errors
    /// [`RegistrationError`] if the URL, the user name or the password cannot be used.
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

    /// Sets the label. Without one, the label of the replaced entry is preserved.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Returns the URL.
    pub fn url(&self) -> &str {
        self.name.url()
    }

    /// Returns the user name.
    pub fn username(&self) -> &str {
        self.name.username()
    }
}

fn check_url(text: &str) -> Result<(), RegistrationError> {
    let characters = text.chars().count();
    if characters > MAX_URL_CHARACTERS {
        return Err(RegistrationError::TooLong { characters });
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(RegistrationError::Whitespace);
    }
    let url = Url::parse(text).map_err(|_| RegistrationError::NoUrl)?;
    if url.scheme() != "https" || !text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://")) {
        return Err(RegistrationError::NotHttps);
    }
    // `Url` does not report the empty credentials of `https://@host`.
    let authority = text[8..].split(['/', '?', '#', '\\']).next().expect("a text has at least one part");
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
