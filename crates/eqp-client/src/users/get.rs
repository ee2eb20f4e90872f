use eqp_types::UserProfile;

use super::Users;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Users<'_> {
    /// The whole profile, with the registered callbacks (never their passwords).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn get(self) -> Result<UserProfile, Error> {
        let token = self.client.token().await?;
        self.client.call(Request::new(&endpoint::USERS_GET, &[token.mage_id.as_str()])?).await?.json()
    }
}
