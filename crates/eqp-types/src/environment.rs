//! The two worlds of the Marketplace.

use std::fmt;
use std::str::FromStr;

/// One of the two environments; keys, profiles and callbacks of one mean nothing in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// The real store.
    Production,
    /// The official test environment; open to some partner tiers only.
    Sandbox,
}

impl Environment {
    /// The base URL of the API as documented today; every path below it starts with `/rest/v1`.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Production => "https://commercedeveloper-api.adobe.com",
            Self::Sandbox => "https://commercedeveloper-sandbox-api.adobe.com",
        }
    }

    /// The base URL of older documentation; the paths below it are the same.
    pub fn older_base_url(self) -> &'static str {
        match self {
            Self::Production => "https://developer-api.magento.com",
            Self::Sandbox => "https://developer-stg-api.magento.com",
        }
    }

    /// The word for it in configuration, tables and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }
}

/// A word that names no environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no environment; there are `production` and `sandbox`")]
pub struct UnknownEnvironment(String);

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(word: &str) -> Result<Self, UnknownEnvironment> {
        match word {
            "production" => Ok(Self::Production),
            "sandbox" => Ok(Self::Sandbox),
            other => Err(UnknownEnvironment(other.to_owned())),
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Environment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Environment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::lenient::text(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
