//! The parts of a package that are objects themselves, by their names in the API.

use eqp_types::Sku;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artifact::{self, FileSource};

/// An edition and the versions of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VersionCompatibility {
    /// `CE`, `EE`, `ECE`.
    pub(crate) edition: String,
    /// Such as `2.4`.
    pub(crate) versions: Vec<String>,
}

/// The guides (PDF).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Documentation {
    /// The user's guide.
    #[serde(deserialize_with = "artifact::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<FileSource>,
    /// How it is installed.
    #[serde(deserialize_with = "artifact::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) installation: Option<FileSource>,
    /// The reference.
    #[serde(deserialize_with = "artifact::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<FileSource>,
}

/// Icon, pictures, videos.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Media {
    /// The icon.
    #[serde(deserialize_with = "artifact::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) icon_image: Option<FileSource>,
    /// The pictures, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gallery_images: Option<Vec<FileSource>>,
    /// Videos, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video_urls: Option<Vec<String>>,
}

/// How prices are meant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PricingModel {
    /// `one-time`, `subscription`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pricing_type: Option<String>,
    /// In months: 1 of a one-time price, 12 of a subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_period: Option<Value>,
}

/// A price, of an edition where it is one of the package's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EditionPrice {
    /// `CE`, `EE`, `ECE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edition: Option<String>,
    /// `USD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency_code: Option<String>,
    /// A number, or a text that is one; of a subscription, for each year after the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<Value>,
    /// The same for the first year of a subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initial_price: Option<Value>,
    /// The same for the installation, paid once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) installation_price: Option<Value>,
}

/// Support that can be bought with it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SupportTier {
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<Value>,
    /// `CE`, `EE`, `ECE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edition: Option<String>,
    /// For how many months: 1, 3, 6, 9 or 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) monthly_period: Option<Value>,
    /// In short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) short_description: Option<String>,
    /// In full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) long_description: Option<String>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prices: Option<Vec<EditionPrice>>,
}

/// A shared package: its archive, or its SKU and version.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SharedPackage {
    /// Its archive.
    #[serde(deserialize_with = "artifact::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) artifact: Option<FileSource>,
    /// Its SKU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sku: Option<Sku>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// Services of others that it works with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExternalServices {
    /// It is a gateway to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_saas: Option<bool>,
    /// At most one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<Vec<ExternalService>>,
}

/// A service of somebody else.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExternalService {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// `self`, `3rd_party`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// `self`, `3rd_party`, `both`, `none`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pay_to: Option<String>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Action {
    /// `remove`, `cancel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overall: Option<String>,
    /// `draft`, `submit`, `recall`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) technical: Option<String>,
    /// `draft`, `submit`, `recall`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marketing: Option<String>,
}
