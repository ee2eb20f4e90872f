//! A key as it is shown. Its password is text only here, and only where it was decided to show it.

use eqp_types::{ComposerKeyM2, Environment, Secret};
use serde::Serialize;

use crate::output::Table;

const HIDDEN: &str = "(hidden)";

/// A key of Magento 2.
#[derive(Serialize)]
pub(super) struct ShownKey<'a> {
    label: &'a str,
    user_key: Option<&'a str>,
    /// Left out where it is not to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_key: Option<&'a str>,
    is_enabled: Option<bool>,
    uid: Option<&'a str>,
}

impl<'a> ShownKey<'a> {
    /// The key, with its password if that is to be shown.
    pub(super) fn new(key: &'a ComposerKeyM2, with_secret: bool) -> Self {
        Self {
            label: &key.label,
            user_key: key.user_key.as_deref(),
            password_key: key.password_key.as_ref().filter(|_| with_secret).map(Secret::expose),
            is_enabled: key.is_enabled,
            uid: key.uid.as_deref(),
        }
    }
}

/// Keys as a table.
pub(super) fn table(environment: Environment, keys: &[ShownKey<'_>]) -> Table {
    let mut table = Table::new(&["environment", "label", "user key", "password key", "enabled", "account"]);
    for key in keys {
        table.row([
            environment.as_str(),
            key.label,
            key.user_key.unwrap_or("-"),
            key.password_key.unwrap_or(HIDDEN),
            match key.is_enabled {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            },
            key.uid.unwrap_or("-"),
        ]);
    }
    table
}
