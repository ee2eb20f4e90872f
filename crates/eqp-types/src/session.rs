//! Session tokens: `POST /rest/v1/app/session/token`.

use serde::{Deserialize, Serialize};

use crate::{MageId, Secret, lenient};

/// What is asked of the token call, beside the access key in its Basic header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// Always `session`.
    pub grant_type: String,
    /// Wished life in seconds; the server's own maximum caps it silently.
    #[serde(default, deserialize_with = "lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
}

impl SessionRequest {
    /// The one grant type there is.
    pub const GRANT_TYPE: &'static str = "session";

    /// Asks for a token that lives `expires_in` seconds, or as long as the server likes.
    pub fn new(expires_in: Option<i64>) -> Self {
        Self { grant_type: Self::GRANT_TYPE.to_owned(), expires_in }
    }
}

/// A session token. It goes into `Authorization: Bearer …` on every other call.
#[derive(Clone, Debug, Deserialize)]
pub struct SessionToken {
    /// The account that the access key belongs to.
    pub mage_id: MageId,
    /// The token itself.
    pub ust: Secret,
    /// How long it lives, in seconds from the answer.
    #[serde(deserialize_with = "lenient::integer")]
    pub expires_in: i64,
}
