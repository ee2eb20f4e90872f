//! The profile of the account: `/users/{mage_id}`.

use eqp_types::{Extra, MageId, Secret, UserProfile, calls};
use serde::Serialize;

use crate::transport::Request;
use crate::{Client, Error};

/// The calls for the profile of the account that the access key belongs to. Returned by [`Client::users`].
#[derive(Clone, Copy, Debug)]
pub struct Users<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for the profile of the account.
    ///
    /// ```no_run
    /// use eqp_client::users::{ProfileAction, ProfileUpdate};
    ///
    /// # async fn example(client: eqp_client::Client) -> Result<(), eqp_client::Error> {
    /// let profile = client.users().get().await?;
    /// println!("{:?} has {:?} callbacks", profile.mage_id, profile.api_callbacks.map(|list| list.len()));
    ///
    /// let mut update = ProfileUpdate { action: Some(ProfileAction::Draft), ..ProfileUpdate::default() };
    /// update.fields.insert("bio".into(), "We build badges.".into());
    /// client.users().put(&update).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn users(&self) -> Users<'_> {
        Users { client: self }
    }
}

/// Returns the profile if it belongs to the account, because the list of callbacks of another account must never be written to it.
fn of_account(asked: &MageId, profile: UserProfile) -> Result<UserProfile, Error> {
    match &profile.mage_id {
        Some(answered) if answered != asked => {
            Err(Error::OtherAccount { asked: asked.clone(), answered: answered.clone() })
        }
        _ => Ok(profile),
    }
}

impl Users<'_> {
    /// Returns the complete profile with the registered callbacks, but without their passwords.
    ///
    /// # Errors
    /// [`Error::OtherAccount`] if the response is another account's profile; the
    /// [errors of every call](crate::Error#errors-of-every-call).
    pub async fn get(self) -> Result<UserProfile, Error> {
        let token = self.client.token().await?;
        let request = Request::new(&calls::USERS_GET, &[token.mage_id.as_str()])?;
        of_account(&token.mage_id, self.client.call(request).await?.json()?)
    }

    /// Returns the short profile, which has no callbacks.
    ///
    /// # Errors
    /// [`Error::OtherAccount`] if the response is another account's profile; the
    /// [errors of every call](crate::Error#errors-of-every-call).
    pub async fn summary(self) -> Result<UserProfile, Error> {
        let token = self.client.token().await?;
        let request = Request::new(&calls::USERS_SUMMARY, &[token.mage_id.as_str()])?;
        of_account(&token.mage_id, self.client.call(request).await?.json()?)
    }

    /// Changes the given fields of the profile. The API does not return the new profile; use [`Users::get`] to read it.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn put(self, update: &ProfileUpdate) -> Result<(), Error> {
        self.put_body(update, Vec::new()).await
    }

    /// Sends a body that contains `secrets`.
    pub(crate) async fn put_body(self, body: &impl Serialize, secrets: Vec<Secret>) -> Result<(), Error> {
        let token = self.client.token().await?;
        let request = Request::new(&calls::USERS_PUT, &[token.mage_id.as_str()])?.json(body)?.hiding(secrets);
        self.client.call(request).await.map(drop)
    }
}

/// Selects what happens to the public profile page when the profile is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileAction {
    /// Saves the changes without publishing them.
    Draft,
    /// Publishes the profile page.
    Submit,
}

/// A change of some fields of the profile.
///
/// Do not use it to change the list of callbacks: writing the list replaces the entries of others. Use
/// [`Client::callbacks`](crate::Client::callbacks) instead.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProfileUpdate {
    /// Whether the page is published. Not sent if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ProfileAction>,
    /// The new values, by their field names in the API.
    #[serde(flatten)]
    pub fields: Extra,
}
