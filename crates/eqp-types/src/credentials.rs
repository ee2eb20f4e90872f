//! Secrets, access keys, and the session tokens that are requested with them (`POST /rest/v1/app/session/token`).

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{MageId, lenient};

/// A password, an application secret or a session token.
///
/// `Debug` does not show the text, dropping it overwrites its memory, and it does not implement `Serialize`: sending it requires an
/// explicit call of [`Secret::expose`].
///
/// ```
/// use eqp_types::Secret;
///
/// let secret = Secret::new("hush");
/// assert_eq!(format!("{secret:?}"), "[secret]");
/// assert_eq!(secret.expose(), "hush");
/// ```
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Creates a secret from text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Returns the text, to send or to check it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::lenient::text(deserializer).map(Self::new)
    }
}

/// An access key of one environment, used to request session tokens.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The application ID, which is not secret.
    pub application_id: String,
    /// The application secret.
    pub application_secret: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let key = ApiKey { application_id: "app".into(), application_secret: Secret::new("hush") };
        assert_eq!(format!("{key:?}"), r#"ApiKey { application_id: "app", application_secret: [secret] }"#);
    }
}

/// The body of a request for a session token. The access key is sent in the header `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// Always `session`.
    pub grant_type: String,
    /// The requested lifetime in seconds. The server silently limits it.
    #[serde(default, deserialize_with = "lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
}

impl SessionRequest {
    /// The only grant type.
    pub const GRANT_TYPE: &'static str = "session";

    /// Requests a token with a lifetime of `expires_in` seconds, or with the default lifetime of the server.
    pub fn new(expires_in: Option<i64>) -> Self {
        Self { grant_type: Self::GRANT_TYPE.to_owned(), expires_in }
    }
}

/// A session token, sent as `Authorization: Bearer …` with every other call.
#[derive(Clone, Debug, Deserialize)]
pub struct SessionToken {
    /// The account that the access key belongs to.
    pub mage_id: MageId,
    /// The token.
    pub ust: Secret,
    /// The lifetime in seconds, measured from the response.
    #[serde(deserialize_with = "lenient::integer")]
    pub expires_in: i64,
}
