//! Facts about the process of the operator service that are not in the database.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::setting::Setting;

/// The process that serves the operator API.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessFacts {
    /// The settings that are shown.
    pub(crate) configuration: Vec<Setting>,
    /// The configured products, by SKU.
    pub(crate) products: BTreeMap<String, ProductSettings>,
    /// The spool of the receiver in this process.
    pub(crate) spool: SpoolSource,
}

/// The settings of a product in the configuration of the server. A key that is not set is null.
///
/// ```
/// let settings = eqp_console::ProductSettings { owner: Some("checkout team".into()), ..Default::default() };
/// assert_eq!(settings.channel, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProductSettings {
    /// The URL of the git repository, without a password.
    pub repository: Option<String>,
    /// The git tag of a version, in which `{version}` is replaced by the version.
    pub tag: Option<String>,
    /// The chat channel.
    pub channel: Option<String>,
    /// The person or team that is responsible.
    pub owner: Option<String>,
    /// The folder or archive with the source code, on the server.
    pub source: Option<String>,
}

/// The content of the spool of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SpoolLevel {
    /// The number of callbacks that wait to be written to the database.
    pub callbacks: u64,
    /// When the oldest of them arrived; null if there are none.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub oldest_at: Option<OffsetDateTime>,
    /// The number of callbacks in quarantine, which Postgres rejects because of their data.
    pub quarantined: u64,
    /// The size of both in bytes, as counted against the maximum size of the spool.
    pub size_bytes: u64,
}

/// Reads the content of the spool of this process. Reports `None` if there is no spool.
#[derive(Clone, Default)]
pub(crate) struct SpoolSource(Option<Arc<dyn Fn() -> Option<SpoolLevel> + Send + Sync>>);

impl SpoolSource {
    pub(crate) fn new(level: impl Fn() -> Option<SpoolLevel> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(level)))
    }

    pub(crate) fn level(&self) -> Option<SpoolLevel> {
        self.0.as_ref()?()
    }
}

impl fmt::Debug for SpoolSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpoolSource").field(&self.level()).finish()
    }
}
