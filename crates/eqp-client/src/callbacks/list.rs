use eqp_types::ApiCallbackEntry;

use super::Callbacks;
use crate::Error;

impl Callbacks<'_> {
    /// The registered callbacks as the API shows them, everybody's, without passwords.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn list(self) -> Result<Vec<ApiCallbackEntry>, Error> {
        Ok(self.client.users().get().await?.api_callbacks.unwrap_or_default())
    }
}
