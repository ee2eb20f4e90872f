use eqp_types::ComposerKeys;

use super::Keys;
use crate::transport::Request;
use crate::{Error, endpoint};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlatform {
    /// Magento 1.
    M1,
    /// Magento 2.
    M2,
    /// Either.
    All,
}

/// Which keys are listed; everything not said is not filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// What they are for.
    pub platform: Option<KeyPlatform>,
    /// Their label.
    pub label: Option<String>,
    /// The account they belong to.
    pub uid: Option<String>,
}

impl Keys<'_> {
    /// The keys that pass `filter`.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn list(self, filter: &KeyFilter) -> Result<ComposerKeys, Error> {
        let token = self.client.token().await?;
        let platform = filter.platform.map(|platform| match platform {
            KeyPlatform::M1 => "m1",
            KeyPlatform::M2 => "m2",
            KeyPlatform::All => "all",
        });
        let request = Request::new(&endpoint::KEYS_LIST, &[token.mage_id.as_str()])?
            .query(platform.map(|platform| ("type", platform.to_owned())))
            .query(filter.label.clone().map(|label| ("label", label)))
            .query(filter.uid.clone().map(|uid| ("uid", uid)));
        self.client.call(request).await?.json()
    }
}
