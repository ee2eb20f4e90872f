//! The URL under which the Marketplace calls an endpoint.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The longest URL that is accepted, in bytes.
const LONGEST: usize = 2_000;

/// The URL of an endpoint: HTTPS, without credentials or a fragment, at most 2,000 characters.
///
/// The text is preserved exactly, because a registration is recognised by its exact URL.
///
/// ```
/// use eqp_store::PublicUrl;
///
/// let url: PublicUrl = "https://callbacks.example.com/callbacks/main".parse()?;
/// assert_eq!(url.path(), "/callbacks/main");
/// assert!("http://callbacks.example.com/".parse::<PublicUrl>().is_err());
/// # Ok::<_, eqp_store::PublicUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    path: String,
}

/// The reason why a URL cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// The text is not a URL with a host.
    #[error("it is not a URL; write it like https://callbacks.example.com/callbacks/main")]
    NotAUrl,
    /// The scheme is not `https`.
    #[error("the scheme must be https")]
    NotHttps,
    /// The URL contains a user name or a password.
    #[error("it contains credentials; the user name and the password are separate fields of a registration")]
    Credentials,
    /// The URL has a fragment.
    #[error("it has a fragment (#…), which is never sent in a request")]
    Fragment,
    /// The URL is too long.
    #[error("it has {characters} characters; the limit is {LONGEST}")]
    TooLong {
        /// The number of characters of the URL.
        characters: usize,
    },
}

impl PublicUrl {
    /// Returns the URL exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the path, as it appears in a request.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        // Bytes and characters are the same here, because anything but ASCII is rejected below.
        if text.len() > LONGEST {
            return Err(PublicUrlError::TooLong { characters: text.chars().count() });
        }
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(PublicUrlError::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| PublicUrlError::NotAUrl)?;
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
            ("", PublicUrlError::NotAUrl),
            ("callbacks.example.com", PublicUrlError::NotAUrl),
            ("https://", PublicUrlError::NotAUrl),
            ("https://exa mple.com/", PublicUrlError::NotAUrl),
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
