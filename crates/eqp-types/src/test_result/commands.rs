use serde::{Deserialize, Serialize};

use crate::{Extra, lenient};

/// A command that `varnish` ran, and what it printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Extra")]
pub struct CommandOutput {
    /// The command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// All that it printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for CommandOutput {
    fn from(mut fields: Extra) -> Self {
        Self {
            command: lenient::take_text(&mut fields, "command"),
            output: lenient::take_text(&mut fields, "output"),
            extra: fields,
        }
    }
}
