use serde::{Deserialize, Serialize};

use crate::{Extra, lenient};

/// What a person says after a marketing review or a manual test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Extra")]
pub struct ReviewDetails {
    /// Why the package was rejected, each in a sentence of the Marketplace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The reviewer's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where pictures and files of the reviewer can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<String>,
    /// Fields that are not documented, or cannot be read.
    #[serde(flatten)]
    pub extra: Extra,
}

impl From<Extra> for ReviewDetails {
    fn from(mut fields: Extra) -> Self {
        Self {
            reasons: lenient::take(&mut fields, "reasons").unwrap_or_default(),
            message: lenient::take_text(&mut fields, "message"),
            attachment: lenient::take_text(&mut fields, "attachment"),
            extra: fields,
        }
    }
}
