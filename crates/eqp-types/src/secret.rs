//! Text that must never be shown.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A password, an application secret or a session token.
///
/// `Debug` shows nothing of it, it is wiped when dropped, and there is no `Serialize`: whoever
/// sends it has to say so with [`Secret::expose`].
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text, for the one place that sends or checks it.
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

/// An access key of one environment: what a session token is asked for with.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The application id; not secret by itself.
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
