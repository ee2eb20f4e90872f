use serde::Serialize;
use serde_json::json;

use super::Keys;
use super::outcome::{KeyOutcome, outcomes};
use crate::transport::Request;
use crate::{Error, endpoint};

/// A key that is wished for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewKey {
    /// Its label, by which it is changed and deleted later.
    pub label: String,
    /// The account it is for; the own one if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl Keys<'_> {
    /// Makes keys for Magento 2. The answer has one item for each, in order; good ones are done beside bad ones.
    ///
    /// # Errors
    /// Those of every call; what became of the single items is in the answer.
    pub async fn create(self, keys: &[NewKey]) -> Result<Vec<KeyOutcome>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let token = self.client.token().await?;
        let request = Request::new(&endpoint::KEYS_CREATE, &[token.mage_id.as_str()])?.json(&json!({"m2": keys}))?;
        outcomes(&self.client.call(request).await?, keys.len())
    }
}
