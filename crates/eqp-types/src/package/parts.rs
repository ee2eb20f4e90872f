//! The parts of a package that are objects themselves, by their names in the API.
//!
//! Parts that refer to files have a type parameter for the file: a reference to an uploaded file (the default), or any other type, such
//! as the path of a file that is not uploaded yet.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Amount, Edition, PricingType, ServiceOwner, ServicePayee};
use crate::json_object::object;
use crate::{EqpStatus, FileUploadId, JsonObject, SubmissionId, lenient};

/// A reference to an uploaded file. In requests, the API reads only the ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct FileReference {
    /// The ID of the file.
    pub file_upload_id: FileUploadId,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl FileReference {
    /// Creates a reference to an uploaded file.
    pub fn new(file_upload_id: FileUploadId) -> Self {
        Self { file_upload_id, extra: JsonObject::new() }
    }
}

/// An edition and its versions that a package is compatible with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct VersionCompatibility {
    /// The edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<Edition>,
    /// Versions such as `2.4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// The guides of a package (PDF).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self", bound(deserialize = "F: DeserializeOwned"))]
pub struct DocumentationArtifacts<F = FileReference> {
    /// The user guide.
    #[serde(default, deserialize_with = "lenient::optional_object", skip_serializing_if = "Option::is_none")]
    pub user: Option<F>,
    /// The installation guide.
    #[serde(default, deserialize_with = "lenient::optional_object", skip_serializing_if = "Option::is_none")]
    pub installation: Option<F>,
    /// The reference manual.
    #[serde(default, deserialize_with = "lenient::optional_object", skip_serializing_if = "Option::is_none")]
    pub reference: Option<F>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl<F> Default for DocumentationArtifacts<F> {
    fn default() -> Self {
        Self { user: None, installation: None, reference: None, extra: JsonObject::new() }
    }
}

/// The icon, images and videos of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self", bound(deserialize = "F: DeserializeOwned"))]
pub struct MediaArtifacts<F = FileReference> {
    /// The icon.
    #[serde(default, deserialize_with = "lenient::optional_object", skip_serializing_if = "Option::is_none")]
    pub icon_image: Option<F>,
    /// The images, the main one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gallery_images: Option<Vec<F>>,
    /// The URLs of videos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_urls: Option<Vec<String>>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl<F> Default for MediaArtifacts<F> {
    fn default() -> Self {
        Self { icon_image: None, gallery_images: None, video_urls: None, extra: JsonObject::new() }
    }
}

/// A shared package that is delivered together with a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self", bound(deserialize = "F: DeserializeOwned"))]
pub struct SharedPackage<F = FileReference> {
    /// The archive of the shared package, or a reference to an existing one.
    #[serde(default, deserialize_with = "lenient::optional_object", skip_serializing_if = "Option::is_none")]
    pub artifact: Option<SharedArtifact<F>>,
    /// The SKU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl<F> Default for SharedPackage<F> {
    fn default() -> Self {
        Self { artifact: None, sku: None, version: None, extra: JsonObject::new() }
    }
}

/// The content of a shared package: an archive, or a reference to a package that the Marketplace already has.
///
/// ```
/// use eqp_types::{SharedArtifact, SharedPackage};
///
/// let shared: SharedPackage = serde_json::from_str(r#"{"artifact": {"sku": "acme/core", "version": "1.0.0"}}"#)?;
/// let Some(SharedArtifact::Existing(existing)) = shared.artifact else { panic!() };
/// assert_eq!(existing.sku.as_deref(), Some("acme/core"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum SharedArtifact<F = FileReference> {
    /// An archive.
    File(F),
    /// A package that the Marketplace already has.
    Existing(ExistingPackage),
}

impl<F> SharedArtifact<F> {
    /// Returns the archive, unless the package already exists.
    pub fn file(&self) -> Option<&F> {
        match self {
            Self::File(file) => Some(file),
            Self::Existing(_) => None,
        }
    }

    /// Returns the archive for changes, unless the package already exists.
    pub fn file_mut(&mut self) -> Option<&mut F> {
        match self {
            Self::File(file) => Some(file),
            Self::Existing(_) => None,
        }
    }
}

impl<'de, F: DeserializeOwned> Deserialize<'de> for SharedArtifact<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Artifact<F>(PhantomData<F>);

        impl<'de, F: DeserializeOwned> Visitor<'de> for Artifact<F> {
            type Value = SharedArtifact<F>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file, or an object with sku and version")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                F::deserialize(text.into_deserializer()).map(SharedArtifact::File)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                // Stored as text, because only the names of all fields show which of the two it is.
                let fields = JsonObject::deserialize(MapAccessDeserializer::new(fields))?;
                let is_existing = fields.contains("sku") && !fields.contains("file_upload_id");
                let json = serde_json::to_string(&fields).map_err(de::Error::custom)?;
                if is_existing {
                    serde_json::from_str(&json).map(SharedArtifact::Existing).map_err(de::Error::custom)
                } else {
                    serde_json::from_str(&json).map(SharedArtifact::File).map_err(de::Error::custom)
                }
            }
        }

        deserializer.deserialize_any(Artifact(PhantomData))
    }
}

/// A reference to a shared package that the Marketplace already has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct ExistingPackage {
    /// The SKU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// The pricing model of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct PricingModel {
    /// A single payment, or a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_type: Option<PricingType>,
    /// The period in months: 1 for a single payment, 12 for a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_period: Option<Amount>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// A price of a package (per edition) or of a support tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct Price {
    /// The edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<Edition>,
    /// The currency. The Marketplace only accepts `USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency_code: Option<String>,
    /// The price. For a subscription, the price of each year after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// The price of a subscription's first year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_price: Option<Amount>,
    /// The one-time price of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation_price: Option<Amount>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// A support offer for a package. Each edition can have up to three tiers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct SupportTier {
    /// The number of the tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Amount>,
    /// The edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<Edition>,
    /// The number of months: 1, 3, 6, 9 or 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_period: Option<Amount>,
    /// A summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_description: Option<String>,
    /// The full description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_description: Option<String>,
    /// The prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Vec<Price>>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// The external services that a package uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct ExternalServices {
    /// Whether the package connects to a software-as-a-service product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_saas: Option<bool>,
    /// The services. The Marketplace allows at most one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<ExternalService>>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// An external service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct ExternalService {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The operator of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ServiceOwner>,
    /// The recipient of payments for the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_to: Option<ServicePayee>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// The newest version of a package that was released to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct LaunchedVersion {
    /// The submission of that version.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<SubmissionId>,
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The status of each flow.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// Fields that are not listed here.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

object! {
    FileReference, VersionCompatibility, DocumentationArtifacts<F>, MediaArtifacts<F>, SharedPackage<F>, ExistingPackage, PricingModel,
    Price, SupportTier, ExternalServices, ExternalService, LaunchedVersion,
}
