//! The table `[check]` of a manifest.

use eqp_check::Suppression;
use serde::Deserialize;

/// What a manifest says to `packages check`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Checking {
    /// What does not matter for this package, and why.
    pub(crate) suppress: Vec<Suppression>,
}
