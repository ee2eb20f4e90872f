//! Packages in requests: drafts, which create a package, and updates.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::{
    DocumentationArtifacts, ExternalServices, FileReference, Flag, LicenseType, MediaArtifacts, OverallAction,
    PackageType, Platform, Price, PricingModel, Priority, ProcessAsPatch, ReviewAction, SharedPackage, Stability,
    SupportTier, VersionCompatibility,
};
use crate::json_object::object;
use crate::{ItemId, JsonObject, Sku, SubmissionId, lenient};

/// The requested action per flow. A flow without an action is saved as a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct Actions {
    /// `remove` (from the store) or `cancel` (this version).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall: Option<OverallAction>,
    /// `draft` (default), `submit` or `recall`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technical: Option<ReviewAction>,
    /// `draft` (default), `submit` or `recall`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketing: Option<ReviewAction>,
    /// Flows that are not documented.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl Actions {
    /// Requests a submission for both reviews.
    pub fn submit_both() -> Self {
        Self { technical: Some(ReviewAction::Submit), ..Self::submit_marketing() }
    }

    /// Requests a submission for the marketing review only.
    pub fn submit_marketing() -> Self {
        Self { marketing: Some(ReviewAction::Submit), ..Self::default() }
    }
}

/// The fields of a package that a request can set, by their names in the API.
///
/// All fields are optional, because a draft can be incomplete. `F` is the type of a file: a reference to an uploaded file (the
/// default), or any other type, such as the path of a file that is not uploaded yet.
///
/// ```
/// use eqp_types::{Actions, Edition, PackageDraft, Price, Amount};
///
/// let mut draft: PackageDraft = PackageDraft::default();
/// draft.name = Some("Badges".into());
/// draft.prices = Some(vec![Price { edition: Some(Edition::Ce), price: Some(Amount::new("25.00")), ..Price::default() }]);
/// draft.action = Some(Actions::submit_both());
/// assert_eq!(
///     serde_json::to_value(&draft)?,
///     serde_json::json!({"name": "Badges", "prices": [{"edition": "CE", "price": "25.00"}],
///         "action": {"technical": "submit", "marketing": "submit"}}),
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self", bound(deserialize = "F: DeserializeOwned"))]
pub struct PackageDraft<F = FileReference> {
    /// The developer's item ID, unique within the account. It prevents a repeated request from creating a second submission.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The type of the package.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<PackageType>,
    /// The platform, `M2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The SKU. It can only be set on creation. Otherwise the Marketplace reads it from the archive after its scan has passed.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// The version, as in `composer.json`. It can only be set on creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The title in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The description in HTML, at most 25,989 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_description: Option<String>,
    /// The release notes, at most 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
    /// The license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_type: Option<LicenseType>,
    /// The name of a custom license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_license_name: Option<String>,
    /// The URL of a custom license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_license_url: Option<String>,
    /// The archive.
    #[serde(default, deserialize_with = "lenient::optional_object", skip_serializing_if = "Option::is_none")]
    pub artifact: Option<F>,
    /// The editions and versions that the package is compatible with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_compatibility: Option<Vec<VersionCompatibility>>,
    /// The guides.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub documentation_artifacts: Option<DocumentationArtifacts<F>>,
    /// The icon, images and videos.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub media_artifacts: Option<MediaArtifacts<F>>,
    /// One to three category paths with the same main category, such as `//Extensions//Content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// The pricing model. It can only be set on creation.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub pricing_model: Option<PricingModel>,
    /// One price for each edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Vec<Price>>,
    /// Support offers, at most three per edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_tiers: Option<Vec<SupportTier>>,
    /// Shared packages that are delivered together with the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_packages: Option<Vec<SharedPackage<F>>>,
    /// The external services that the package uses.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub external_services: Option<ExternalServices>,
    /// Supported browsers on any system, such as `chrome`. Ignored if `browser_os_compatibility` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browsers: Option<Vec<String>>,
    /// Supported browsers with their versions and operating systems.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub browser_os_compatibility: Option<JsonObject>,
    /// Options for buyers, by name.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub marketing_options: Option<JsonObject>,
    /// Options for the technical review, by name.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub technical_options: Option<JsonObject>,
    /// The earliest release time (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_launch_date: Option<String>,
    /// Whether the package is released as soon as it is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_on_approval: Option<bool>,
    /// Whether the release is a patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_patch: Option<Flag>,
    /// Whether the release should be reviewed as a patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_as_patch: Option<ProcessAsPatch>,
    /// The priority of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The stability of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// The requested actions. Without them, a draft is saved.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub action: Option<Actions>,
    /// Fields that are not listed here, sent unchanged.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl<F> Default for PackageDraft<F> {
    fn default() -> Self {
        Self {
            item_id: None,
            kind: None,
            platform: None,
            sku: None,
            version: None,
            name: None,
            long_description: None,
            release_notes: None,
            license_type: None,
            custom_license_name: None,
            custom_license_url: None,
            artifact: None,
            version_compatibility: None,
            documentation_artifacts: None,
            media_artifacts: None,
            categories: None,
            pricing_model: None,
            prices: None,
            support_tiers: None,
            shared_packages: None,
            external_services: None,
            browsers: None,
            browser_os_compatibility: None,
            marketing_options: None,
            technical_options: None,
            requested_launch_date: None,
            launch_on_approval: None,
            is_patch: None,
            process_as_patch: None,
            priority: None,
            stability: None,
            action: None,
            extra: JsonObject::new(),
        }
    }
}

impl<F> PackageDraft<F> {
    /// Iterates over the files of the package: archive, guides, icon, images, and the archives of shared packages.
    pub fn files(&self) -> impl Iterator<Item = &F> {
        let guides = self.documentation_artifacts.iter();
        let guides = guides.flat_map(|guides| [&guides.user, &guides.installation, &guides.reference]).flatten();
        let media = self.media_artifacts.iter();
        let media = media.flat_map(|media| media.icon_image.iter().chain(media.gallery_images.iter().flatten()));
        let shared = self.shared_packages.iter().flatten().filter_map(|shared| shared.artifact.as_ref()?.file());
        self.artifact.iter().chain(guides).chain(media).chain(shared)
    }

    /// Iterates mutably over the files of the package.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut F> {
        let guides = self.documentation_artifacts.iter_mut();
        let guides =
            guides.flat_map(|guides| [&mut guides.user, &mut guides.installation, &mut guides.reference]).flatten();
        let media = self.media_artifacts.iter_mut();
        let media =
            media.flat_map(|media| media.icon_image.iter_mut().chain(media.gallery_images.iter_mut().flatten()));
        let shared =
            self.shared_packages.iter_mut().flatten().filter_map(|shared| shared.artifact.as_mut()?.file_mut());
        self.artifact.iter_mut().chain(guides).chain(media).chain(shared)
    }
}

/// An update of a package. Only fields that are set are changed.
///
/// The Marketplace ignores `sku`, `version` and `pricing_model`, which can only be set on creation, and all fields that the current
/// status of the reviews does not allow to be changed.
///
/// ```
/// use eqp_types::{Actions, PackageDraft, PackageUpdate, SubmissionId};
///
/// let changes: PackageDraft = PackageDraft { action: Some(Actions::submit_marketing()), ..PackageDraft::default() };
/// let update = PackageUpdate::new(SubmissionId::new("s5w9k703ru")?, changes);
/// # Ok::<(), eqp_types::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageUpdate<F = FileReference> {
    /// The submission to change. Required in a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<SubmissionId>,
    /// The changed fields.
    #[serde(flatten)]
    pub changes: PackageDraft<F>,
}

impl<F> Default for PackageUpdate<F> {
    fn default() -> Self {
        Self { submission_id: None, changes: PackageDraft::default() }
    }
}

impl<F> From<PackageDraft<F>> for PackageUpdate<F> {
    fn from(changes: PackageDraft<F>) -> Self {
        Self { submission_id: None, changes }
    }
}

impl<F> PackageUpdate<F> {
    /// Creates an update of a submission.
    pub fn new(submission_id: SubmissionId, changes: PackageDraft<F>) -> Self {
        Self { submission_id: Some(submission_id), changes }
    }
}

impl<'de, F: DeserializeOwned> Deserialize<'de> for PackageUpdate<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut changes = <PackageDraft<F> as Deserialize>::deserialize(deserializer)?;
        let submission_id = match changes.extra.remove("submission_id") {
            Some(json) => {
                let mut reader = serde_json::Deserializer::from_str(&json);
                lenient::optional(&mut reader)
                    .map_err(|error| D::Error::custom(format_args!("submission_id: {error}")))?
            }
            None => None,
        };
        Ok(Self { submission_id, changes })
    }
}

object! { Actions, PackageDraft<F> }
