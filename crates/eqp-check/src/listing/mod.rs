//! What is submitted beside the archive: the fields of a package, named as in the API.
//!
//! Everything may be missing, because a draft may lack it; which fields a submission needs is for the rules to say.

mod amount;
mod artifact;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use amount::Amount;
pub(crate) use artifact::{Format, look};

/// The fields of a package that rules look at. Others are passed over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// `extension`, `theme` or `shared_package`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `M2`.
    pub platform: Option<String>,
    /// The title.
    pub name: Option<String>,
    /// `vendor_name/package_name`.
    pub sku: Option<String>,
    /// `major.minor.patch`.
    pub version: Option<String>,
    /// HTML.
    pub long_description: Option<String>,
    /// Simple HTML.
    pub release_notes: Option<String>,
    /// `osl`, `mit`, …, or `custom`.
    pub license_type: Option<String>,
    /// Of a custom license.
    pub custom_license_name: Option<String>,
    /// Of a custom license.
    pub custom_license_url: Option<String>,
    /// Paths such as `//Extensions//Marketing//SEO/SEM`.
    pub categories: Vec<String>,
    /// The lines of Commerce that it works with.
    pub version_compatibility: Vec<VersionCompatibility>,
    /// Its documents.
    pub documentation_artifacts: DocumentationArtifacts,
    /// Its images and videos.
    pub media_artifacts: MediaArtifacts,
    /// How it is paid for.
    pub pricing_model: Option<PricingModel>,
    /// What it costs.
    pub prices: Vec<Price>,
    /// What support costs.
    pub support_tiers: Vec<SupportTier>,
    /// What it is connected to.
    pub external_services: Option<ExternalServices>,
    /// Browsers that it works with.
    pub browsers: Vec<String>,
    /// The same, browser by browser and system by system.
    pub browser_os_compatibility: Map<String, Value>,
    /// `stable` or `beta`.
    pub stability: Option<String>,
    /// `high`, `medium` or `low`.
    pub priority: Option<String>,
    /// `yes`, `no` or `unknown`.
    pub process_as_patch: Option<String>,
    /// `YYYY-MM-DD HH:MM:SS`, in UTC.
    pub requested_launch_date: Option<String>,
}

/// Versions of Commerce in one edition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VersionCompatibility {
    /// `CE`, `EE` or `ECE`.
    pub edition: String,
    /// Such as `2.4`.
    pub versions: Vec<String>,
}

/// A file: on this machine, or uploaded already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// The file on this machine.
    pub file: Option<PathBuf>,
    /// The id of a file that was uploaded; nothing can be said about it here.
    pub file_upload_id: Option<String>,
}

/// The documents of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DocumentationArtifacts {
    /// How it is used.
    pub user: Option<Artifact>,
    /// How it is installed.
    pub installation: Option<Artifact>,
    /// What it has.
    pub reference: Option<Artifact>,
}

/// The images and videos of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MediaArtifacts {
    /// The icon.
    pub icon_image: Option<Artifact>,
    /// The images, the main one first.
    pub gallery_images: Vec<Artifact>,
    /// URLs of videos.
    pub video_urls: Vec<String>,
}

/// How a package is paid for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PricingModel {
    /// `one-time` or `subscription`.
    pub pricing_type: String,
    /// In months: 1 for once, 12 for a subscription.
    pub payment_period: Option<Amount>,
}

/// What one edition costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Price {
    /// `CE`, `EE` or `ECE`.
    pub edition: String,
    /// `USD`.
    pub currency_code: Option<String>,
    /// The price; of a subscription, of each year after the first.
    pub price: Option<Amount>,
    /// What the first year of a subscription costs.
    pub initial_price: Option<Amount>,
    /// What the installation costs, once.
    pub installation_price: Option<Amount>,
}

/// One level of support.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SupportTier {
    /// Which of the three.
    pub tier: Option<Amount>,
    /// `CE`, `EE` or `ECE`.
    pub edition: String,
    /// In months.
    pub monthly_period: Option<Amount>,
    /// The prices, one for a currency.
    pub prices: Vec<Price>,
}

/// What a package is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ExternalServices {
    /// Whether it is a gateway to a service.
    pub is_saas: Option<bool>,
    /// The services.
    pub items: Vec<ExternalService>,
}

/// One service that a package is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ExternalService {
    /// Its name.
    pub name: Option<String>,
    /// Its URL.
    pub url: Option<String>,
    /// `self`, `3rd_party` or `unknown`.
    pub owner: Option<String>,
    /// `self`, `3rd_party`, `both`, `none` or `unknown`.
    pub pay_to: Option<String>,
}

impl Listing {
    /// Whether it is a shared package, which needs neither documents nor images.
    pub(crate) fn is_shared_package(&self) -> bool {
        self.kind.as_deref() == Some("shared_package")
    }

    /// Whether it is paid for each year.
    pub(crate) fn is_subscription(&self) -> bool {
        self.pricing_model.as_ref().is_some_and(|model| model.pricing_type == "subscription")
    }

    /// The documents with the names of their fields.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&'static str, &Artifact)> {
        let DocumentationArtifacts { user, installation, reference } = &self.documentation_artifacts;
        [
            ("documentation_artifacts.user", user),
            ("documentation_artifacts.installation", installation),
            ("documentation_artifacts.reference", reference),
        ]
        .into_iter()
        .filter_map(|(field, artifact)| Some((field, artifact.as_ref()?)))
    }

    /// Icon and images with the names of their fields.
    pub(crate) fn images(&self) -> impl Iterator<Item = (String, &Artifact)> {
        let icon = self.media_artifacts.icon_image.iter();
        let icon = icon.map(|artifact| ("media_artifacts.icon_image".to_owned(), artifact));
        let gallery = self.media_artifacts.gallery_images.iter().enumerate();
        icon.chain(gallery.map(|(at, artifact)| (format!("media_artifacts.gallery_images[{at}]"), artifact)))
    }
}
