use serde_json::json;

use super::Keys;
use super::outcome::{KeyOutcome, outcomes};
use crate::transport::Request;
use crate::{Error, endpoint};

impl Keys<'_> {
    /// Enables or disables a key, and answers what the API says of it now: `is_enabled` of the outcome's key is what holds,
    /// whatever was asked for. `uid` is the account it belongs to; the own one if not said.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn set_enabled(self, label: &str, uid: Option<&str>, is_enabled: bool) -> Result<KeyOutcome, Error> {
        let token = self.client.token().await?;
        let item = match uid {
            Some(uid) => json!({"is_enabled": is_enabled, "uid": uid}),
            None => json!({"is_enabled": is_enabled}),
        };
        let ids = [token.mage_id.as_str(), label];
        let request = Request::new(&endpoint::KEYS_UPDATE, &ids)?.json(&json!({"m2": [item]}))?;
        let answer = self.client.call(request).await?;
        outcomes(&answer, 1)?.pop().ok_or_else(|| answer.shape("m2", "it holds no key".to_owned()))
    }
}
