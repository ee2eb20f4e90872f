//! Composer keys: `/users/{mage_id}/keys`.

use eqp_types::{ComposerKeyM2, ComposerKeys, calls, lenient};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::Answer;
use crate::transport::Request;
use crate::{Client, Error};

/// The calls for Composer keys. Returned by [`Client::keys`].
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for Composer keys.
    ///
    /// ```no_run
    /// use eqp_client::keys::{KeyFilter, NewKey};
    ///
    /// # async fn example(client: eqp_client::Client) -> Result<(), eqp_client::Error> {
    /// let created = client.keys().create(&[NewKey::new("build server")]).await?;
    /// assert!(created[0].is_success());
    /// let all = client.keys().list(&KeyFilter::default()).await?;
    /// println!("{} keys for Magento 2", all.m2.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn keys(&self) -> Keys<'_> {
        Keys { client: self }
    }
}

/// The Magento version that a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum KeyPlatform {
    /// Magento 1.
    M1,
    /// Magento 2.
    M2,
    /// Both.
    All,
}

/// Selects the keys to list. A field that is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// The platform of the key.
    pub platform: Option<KeyPlatform>,
    /// The label of the key.
    pub label: Option<String>,
    /// The account that the key belongs to.
    pub uid: Option<String>,
}

impl Keys<'_> {
    /// Lists the keys that match `filter`.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn list(self, filter: &KeyFilter) -> Result<ComposerKeys, Error> {
        let token = self.client.token().await?;
        let platform: Option<&'static str> = filter.platform.map(Into::into);
        let request = Request::new(&calls::KEYS_LIST, &[token.mage_id.as_str()])?
            .query(platform.map(|platform| ("type", platform.to_owned())))
            .query(filter.label.clone().map(|label| ("label", label)))
            .query(filter.uid.clone().map(|uid| ("uid", uid)));
        self.client.call(request).await?.json()
    }

    /// Creates keys for Magento 2. Returns one result per key, in order; a rejected key does not affect the others.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call). A rejected item is not an error; its result has the code.
    pub async fn create(self, keys: &[NewKey]) -> Result<Vec<KeyResult>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let token = self.client.token().await?;
        let request = Request::new(&calls::KEYS_CREATE, &[token.mage_id.as_str()])?.json(&json!({"m2": keys}))?;
        results(&self.client.call(request).await?, keys.len())
    }

    /// Enables or disables a key and returns its new state: `is_enabled` of the returned key is authoritative, even if it differs from
    /// the request. `uid` is the account that the key belongs to (default: the account of the access key).
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn set_enabled(self, label: &str, uid: Option<&str>, is_enabled: bool) -> Result<KeyResult, Error> {
        let token = self.client.token().await?;
        let item = match uid {
            Some(uid) => json!({"is_enabled": is_enabled, "uid": uid}),
            None => json!({"is_enabled": is_enabled}),
        };
        let ids = [token.mage_id.as_str(), label];
        let request = Request::new(&calls::KEYS_UPDATE, &ids)?.json(&json!({"m2": [item]}))?;
        let answer = self.client.call(request).await?;
        results(&answer, 1)?.pop().ok_or_else(|| answer.unexpected("m2", "it contains no key".to_owned()))
    }

    /// Deletes a key. `uid` is the account that the key belongs to (default: the account of the access key).
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn delete(self, label: &str, uid: Option<&str>) -> Result<(), Error> {
        let token = self.client.token().await?;
        let request = Request::new(&calls::KEYS_DELETE, &[token.mage_id.as_str(), label])?
            .query(uid.map(|uid| ("uid", uid.to_owned())));
        self.client.call(request).await.map(drop)
    }
}

/// A key to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NewKey {
    /// The label, which identifies the key when it is changed or deleted.
    pub label: String,
    /// The account that the key is for (default: the account of the access key).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl NewKey {
    /// Creates a key for the account of the access key.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), uid: None }
    }

    /// Sets the account that the key is for.
    #[must_use]
    pub fn uid(self, uid: impl Into<String>) -> Self {
        Self { uid: Some(uid.into()), ..self }
    }
}

/// The result for one key of a batch.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct KeyResult {
    /// The result code: 200 means success. The response to an update has no code.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub code: Option<i64>,
    /// The message of the API.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub message: Option<String>,
    /// The key, if the response contains it. A rejected item has none.
    #[serde(skip)]
    pub key: Option<ComposerKeyM2>,
}

impl KeyResult {
    /// Returns whether the key was created or changed.
    pub fn is_success(&self) -> bool {
        matches!(self.code, None | Some(200))
    }
}

/// Returns the items of a response, in the order of the request.
pub(super) fn results(answer: &Answer, sent: usize) -> Result<Vec<KeyResult>, Error> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default, deserialize_with = "lenient::or_default")]
        m2: Vec<serde_json::Value>,
    }

    let list: List = answer.json()?;
    if list.m2.len() != sent {
        return Err(answer.unexpected("m2", format!("it has {} items, but the request had {sent}", list.m2.len())));
    }
    let read = |item: serde_json::Value| {
        let key = ComposerKeyM2::deserialize(&item).ok();
        let result: KeyResult = serde_json::from_value(item)
            .map_err(|_| answer.unexpected("m2", "an item has another type than documented".to_owned()))?;
        Ok(KeyResult { key, ..result })
    };
    list.m2.into_iter().map(read).collect()
}
