use eqp_types::UserProfile;

use super::Users;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Users<'_> {
    /// The short profile; it has no callbacks.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn summary(self) -> Result<UserProfile, Error> {
        let token = self.client.token().await?;
        self.client.call(Request::new(&endpoint::USERS_SUMMARY, &[token.mage_id.as_str()])?).await?.json()
    }
}
