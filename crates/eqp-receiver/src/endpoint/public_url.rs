//! The URL under which the Marketplace calls an endpoint.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The longest URL that is taken, in bytes.
const LONGEST: usize = 2_000;

/// An HTTPS URL without credentials and fragment, of at most 2,000 characters; kept exactly as it was written,
/// because a registration is recognised by its exact URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    path: String,
}

/// Why an URL cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// It cannot be read as an URL with a host.
    #[error("it is no URL; write it like https://callbacks.example.com/callbacks/main")]
    NotAnUrl,
    /// Its scheme is another one.
    #[error("the Marketplace calls https:// URLs only")]
    NotHttps,
    /// It has a user name or a password in it.
    #[error("it has credentials in it; user name and password are fields of their own")]
    Credentials,
    /// It has a fragment.
    #[error("it has a fragment (#…), which no request carries")]
    Fragment,
    /// It has more characters than are taken.
    #[error("it has {characters} characters; {LONGEST} are allowed")]
    TooLong {
        /// How many it has.
        characters: usize,
    },
}

impl PublicUrl {
    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path part, as a request carries it.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        // Bytes and characters are the same: other than ASCII is refused below.
        if text.len() > LONGEST {
            return Err(PublicUrlError::TooLong { characters: text.chars().count() });
        }
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(PublicUrlError::NotAnUrl);
        }
        let url = Url::parse(text).map_err(|_| PublicUrlError::NotAnUrl)?;
        if url.scheme() != "https" {
            return Err(PublicUrlError::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PublicUrlError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(PublicUrlError::Fragment);
        }
        Ok(Self { text: text.to_owned(), path: url.path().to_owned() })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_can_be_called() {
        let url: PublicUrl = "https://callbacks.example.com:8443/callbacks/main?shop=1".parse().unwrap();
        assert_eq!(url.path(), "/callbacks/main");
        assert_eq!(url.as_str(), "https://callbacks.example.com:8443/callbacks/main?shop=1");
        assert_eq!(url.to_string(), url.as_str());
        let longest = format!("https://example.com/{}", "x".repeat(LONGEST - 20));
        assert!(longest.parse::<PublicUrl>().is_ok());
    }

    #[test]
    fn refuses_what_cannot_be_registered() {
        let long = format!("https://example.com/{}", "x".repeat(LONGEST - 19));
        for (text, reason) in [
            ("", PublicUrlError::NotAnUrl),
            ("callbacks.example.com", PublicUrlError::NotAnUrl),
            ("https://", PublicUrlError::NotAnUrl),
            ("https://exa mple.com/", PublicUrlError::NotAnUrl),
            ("http://example.com/callbacks/main", PublicUrlError::NotHttps),
            ("ftp://example.com/", PublicUrlError::NotHttps),
            ("https://key:secret@example.com/", PublicUrlError::Credentials),
            ("https://key@example.com/", PublicUrlError::Credentials),
            ("https://:secret@example.com/", PublicUrlError::Credentials),
            ("https://example.com/#top", PublicUrlError::Fragment),
            ("https://example.com/#", PublicUrlError::Fragment),
            (&long, PublicUrlError::TooLong { characters: LONGEST + 1 }),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(reason), "{text}");
        }
    }
}
