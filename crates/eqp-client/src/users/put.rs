use eqp_types::{Extra, Secret};
use serde::Serialize;

use super::Users;
use crate::transport::Request;
use crate::{Error, endpoint};

/// What happens to the public profile page when the profile is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileAction {
    /// Saves only.
    Draft,
    /// Publishes the profile page.
    Submit,
}

/// A change of the profile: the fields named here, and no others.
///
/// The list of callbacks is not to be changed by this but by [`Client::callbacks`](crate::Client::callbacks):
/// sent alone it would delete everybody else's entry.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProfileUpdate {
    /// Whether the page is published; nothing is sent if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ProfileAction>,
    /// The fields by their names in the API.
    #[serde(flatten)]
    pub fields: Extra,
}

impl Users<'_> {
    /// Changes the fields that are named. A body is not promised in the answer: read the profile again to see it.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn put(self, update: &ProfileUpdate) -> Result<(), Error> {
        self.put_body(update, Vec::new()).await
    }

    /// The same for a body with `secrets` in it.
    pub(crate) async fn put_body(self, body: &impl Serialize, secrets: Vec<Secret>) -> Result<(), Error> {
        let token = self.client.token().await?;
        let request = Request::new(&endpoint::USERS_PUT, &[token.mage_id.as_str()])?.json(body)?.hiding(secrets);
        self.client.call(request).await.map(drop)
    }
}
