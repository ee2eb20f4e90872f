//! The two environments of the Marketplace.

use strum::{Display, EnumString, IntoStaticStr};

/// An environment of the Marketplace. Access keys, profiles and callbacks of one do not exist in the other.
///
/// ```
/// use eqp_types::Environment;
///
/// let environment: Environment = "sandbox".parse()?;
/// assert_eq!(environment, Environment::Sandbox);
/// assert_eq!(environment.base_url(), "https://commercedeveloper-sandbox-api.adobe.com");
/// # Ok::<(), eqp_types::UnknownEnvironment>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", parse_err_ty = UnknownEnvironment, parse_err_fn = unknown)]
pub enum Environment {
    /// The real store.
    Production,
    /// The official test environment, which is only open to some partner tiers.
    Sandbox,
}

impl Environment {
    /// Returns the documented base URL of the API, without `/rest/v1`.
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Production => "https://commercedeveloper-api.adobe.com",
            Self::Sandbox => "https://commercedeveloper-sandbox-api.adobe.com",
        }
    }

    /// Returns the base URL of older documentation. The paths below it are the same.
    pub fn older_base_url(self) -> &'static str {
        match self {
            Self::Production => "https://developer-api.magento.com",
            Self::Sandbox => "https://developer-stg-api.magento.com",
        }
    }

    /// Returns the name of the environment: `production` or `sandbox`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The error that a text is not the name of an environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an environment; use `production` or `sandbox`")]
pub struct UnknownEnvironment(String);

fn unknown(name: &str) -> UnknownEnvironment {
    UnknownEnvironment(name.to_owned())
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
