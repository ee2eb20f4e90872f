//! The settings of the process that are shown to operators.

use serde::{Deserialize, Serialize};

/// A setting of a process.
///
/// ```
/// let setting = eqp_console::Setting::new("receiver.roles", "console");
/// assert_eq!(setting.name, "receiver.roles");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Setting {
    /// The name, as in the configuration file.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Setting {
    /// Creates a setting. The value is shown to everyone with the scope `read`, so it must not be a secret.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
