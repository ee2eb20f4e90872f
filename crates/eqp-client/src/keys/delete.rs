use super::Keys;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Keys<'_> {
    /// Deletes a key. `uid` is the account it belongs to; the own one if not said.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn delete(self, label: &str, uid: Option<&str>) -> Result<(), Error> {
        let token = self.client.token().await?;
        let request = Request::new(&endpoint::KEYS_DELETE, &[token.mage_id.as_str(), label])?
            .query(uid.map(|uid| ("uid", uid.to_owned())));
        self.client.call(request).await.map(drop)
    }
}
