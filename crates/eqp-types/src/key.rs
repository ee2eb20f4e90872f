//! Composer keys: `/rest/v1/users/{mage_id}/keys`.

use serde::Deserialize;

use crate::{Extra, Secret, lenient};

/// The Composer keys of an account, by platform.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ComposerKeys {
    /// Keys for Magento 2.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub m2: Vec<ComposerKeyM2>,
    /// Keys for Magento 1.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub m1: Vec<ComposerKeyM1>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A key for Magento 2: the user name and password for Composer.
#[derive(Clone, Debug, Deserialize)]
pub struct ComposerKeyM2 {
    /// The label, which identifies the key when it is changed or deleted.
    pub label: String,
    /// The user name.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub user_key: Option<String>,
    /// The password.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub password_key: Option<Secret>,
    /// Whether the key can be used.
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    pub is_enabled: Option<bool>,
    /// The account that the key belongs to; `None` means the account of the access key.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub uid: Option<String>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A key for Magento 1.
#[derive(Clone, Debug, Deserialize)]
pub struct ComposerKeyM1 {
    /// The product.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub product_name: Option<String>,
    /// The key, which grants access to the product.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub product_key: Option<Secret>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}
