use eqp_types::UserProfile;

use super::{Users, of_account};
use crate::transport::Request;
use crate::{Error, endpoint};

impl Users<'_> {
    /// The whole profile, with the registered callbacks (never their passwords).
    ///
    /// # Errors
    /// [`Error::OtherAccount`]; those of every call.
    pub async fn get(self) -> Result<UserProfile, Error> {
        let token = self.client.token().await?;
        let request = Request::new(&endpoint::USERS_GET, &[token.mage_id.as_str()])?;
        of_account(&token.mage_id, self.client.call(request).await?.json()?)
    }
}
