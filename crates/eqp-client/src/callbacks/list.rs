use eqp_types::ApiCallbackEntry;

use super::Callbacks;
use crate::Error;

impl Callbacks<'_> {
    /// The registered callbacks as the API shows them, everybody's, without passwords. An account without any has an
    /// empty list, however the API spells that.
    ///
    /// # Errors
    /// [`Error::NoProfile`] if the answer is no profile of the account, whose list would be taken for empty; those of
    /// every call.
    pub async fn list(self) -> Result<Vec<ApiCallbackEntry>, Error> {
        let profile = self.client.users().get().await?;
        match profile.api_callbacks {
            Some(list) => Ok(list),
            None if profile.mage_id.is_some() => Ok(Vec::new()),
            None => Err(Error::NoProfile),
        }
    }
}
