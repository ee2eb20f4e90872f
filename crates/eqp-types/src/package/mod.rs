//! Packages: `/rest/v1/products/packages`.
//!
//! All crates use the same model of a package: [`PackageDraft`] creates a package, [`PackageUpdate`] changes it, and [`Package`] is what
//! the API returns.

mod amount;
mod draft;
mod parts;
mod values;

pub use amount::{Amount, Flag};
pub use draft::{Actions, PackageDraft, PackageUpdate};
pub use parts::{
    DocumentationArtifacts, ExistingPackage, ExternalService, ExternalServices, FileReference, LaunchedVersion,
    MediaArtifacts, Price, PricingModel, SharedArtifact, SharedPackage, SupportTier, VersionCompatibility,
};
pub use values::{
    Edition, LicenseType, OverallAction, PackageType, Platform, PricingType, Priority, ProcessAsPatch, ReviewAction,
    ServiceOwner, ServicePayee, Stability,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::json_object::{self, JsonObject, object};
use crate::{ItemId, MageId, MarketingStatus, OverallStatus, Sku, SubmissionId, TechnicalStatus, Timestamp, lenient};

/// The status of each flow of a submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Self")]
pub struct EqpStatus {
    /// The submission as a whole.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub overall: Option<OverallStatus>,
    /// The technical review.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub technical: Option<TechnicalStatus>,
    /// The marketing review.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub marketing: Option<MarketingStatus>,
    /// Flows that are not documented.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

/// A submission as the API returns it: one version of an extension, a theme or a shared package.
///
/// All fields are optional, because a draft can be incomplete. IDs, SKU, version, status and archive are read strictly: an unexpected
/// type is an error that names the field. Any other field that cannot be read stays in `extra`, together with unknown fields, and is
/// written back unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(transform = crate::schema::as_received_except(&[
        "submission_id", "item_id", "type", "platform", "sku", "version", "name", "long_description", "release_notes",
        "license_type", "artifact", "eqp_status",
    ]))
)]
#[serde(remote = "Self")]
pub struct Package {
    /// The Marketplace's ID of this submission.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<SubmissionId>,
    /// The developer's item ID, unique within the account. It prevents a repeated request from creating a second submission.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The type of the package.
    #[serde(
        default,
        rename = "type",
        deserialize_with = "lenient::optional_code",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<PackageType>,
    /// The platform, `M2`.
    #[serde(default, deserialize_with = "lenient::optional_code", skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The SKU. It can only be set on creation. Otherwise the Marketplace reads it from the archive after its scan has passed.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// The version, as in `composer.json`. It can only be set on creation.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The title in the store.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The description in HTML, at most 25,989 characters.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub long_description: Option<String>,
    /// The release notes, at most 10,000 characters.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
    /// The license.
    #[serde(default, deserialize_with = "lenient::optional_code", skip_serializing_if = "Option::is_none")]
    pub license_type: Option<LicenseType>,
    /// The name of a custom license.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub custom_license_name: Option<String>,
    /// The URL of a custom license.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub custom_license_url: Option<String>,
    /// The archive.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub artifact: Option<FileReference>,
    /// The editions and versions that the package is compatible with.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub version_compatibility: Option<Vec<VersionCompatibility>>,
    /// The guides.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub documentation_artifacts: Option<DocumentationArtifacts>,
    /// The icon, images and videos.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub media_artifacts: Option<MediaArtifacts>,
    /// One to three category paths with the same main category, such as `//Extensions//Content`.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// The pricing model. It can only be set on creation.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub pricing_model: Option<PricingModel>,
    /// One price for each edition.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Vec<Price>>,
    /// Support offers, at most three per edition.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub support_tiers: Option<Vec<SupportTier>>,
    /// Shared packages that are delivered together with the package.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub shared_packages: Option<Vec<SharedPackage>>,
    /// The external services that the package uses.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub external_services: Option<ExternalServices>,
    /// Supported browsers on any system, such as `chrome`. Ignored if `browser_os_compatibility` is set.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub browsers: Option<Vec<String>>,
    /// Supported browsers with their versions and operating systems.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub browser_os_compatibility: Option<JsonObject>,
    /// Options for buyers, by name.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub marketing_options: Option<JsonObject>,
    /// Options for the technical review, by name.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub technical_options: Option<JsonObject>,
    /// The earliest release time (UTC).
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub requested_launch_date: Option<String>,
    /// Whether the package is released as soon as it is approved.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub launch_on_approval: Option<bool>,
    /// Whether the release is a patch.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub is_patch: Option<Flag>,
    /// Whether the release should be reviewed as a patch.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub process_as_patch: Option<ProcessAsPatch>,
    /// The priority of the release.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The stability of the release.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// The status of each flow.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// The actions that are possible now. Documented as a comma-separated string, but observed as a list per flow.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub actions_now_available: Option<Value>,
    /// When the submission was created.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the submission last changed, in any flow.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// The account that the package belongs to.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub mage_id: Option<MageId>,
    /// The name of the product in the URLs of the store.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub url_key: Option<String>,
    /// The newest version that was released to the store.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub max_version_launched: Option<LaunchedVersion>,
    /// When the package was first released.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub original_launch_date: Option<Timestamp>,
    /// When the package was last released.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub latest_launch_date: Option<Timestamp>,
    /// Fields that are not listed here, and fields that cannot be read.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl Package {
    /// Returns whether this version is reviewed as a patch, as the developer has requested or the Marketplace has decided. `None` if
    /// neither is known.
    pub fn is_reviewed_as_patch(&self) -> Option<bool> {
        match &self.process_as_patch {
            Some(ProcessAsPatch::Yes) => Some(true),
            Some(ProcessAsPatch::No) => Some(false),
            _ => self.is_patch.as_ref().map(Flag::is_set),
        }
    }

    /// Returns the fields of the package that a request can set.
    pub fn to_draft(&self) -> PackageDraft {
        let package = self.clone();
        PackageDraft {
            item_id: package.item_id,
            kind: package.kind,
            platform: package.platform,
            sku: package.sku,
            version: package.version,
            name: package.name,
            long_description: package.long_description,
            release_notes: package.release_notes,
            license_type: package.license_type,
            custom_license_name: package.custom_license_name,
            custom_license_url: package.custom_license_url,
            artifact: package.artifact,
            version_compatibility: package.version_compatibility,
            documentation_artifacts: package.documentation_artifacts,
            media_artifacts: package.media_artifacts,
            categories: package.categories,
            pricing_model: package.pricing_model,
            prices: package.prices,
            support_tiers: package.support_tiers,
            shared_packages: package.shared_packages,
            external_services: package.external_services,
            browsers: package.browsers,
            browser_os_compatibility: package.browser_os_compatibility,
            marketing_options: package.marketing_options,
            technical_options: package.technical_options,
            requested_launch_date: package.requested_launch_date,
            launch_on_approval: package.launch_on_approval,
            is_patch: package.is_patch,
            process_as_patch: package.process_as_patch,
            priority: package.priority,
            stability: package.stability,
            action: None,
            extra: JsonObject::new(),
        }
    }

    /// Moves the fields that can be read from `extra` to typed fields.
    fn read_details(&mut self) {
        let extra = &mut self.extra;
        self.custom_license_name = extra.take("custom_license_name");
        self.custom_license_url = extra.take("custom_license_url");
        self.version_compatibility = extra.take("version_compatibility");
        self.documentation_artifacts = extra.take("documentation_artifacts");
        self.media_artifacts = extra.take("media_artifacts");
        self.categories = extra.take("categories");
        self.pricing_model = extra.take("pricing_model");
        self.prices = extra.take("prices");
        self.support_tiers = extra.take("support_tiers");
        self.shared_packages = extra.take("shared_packages");
        self.external_services = extra.take("external_services");
        self.browsers = extra.take("browsers");
        self.browser_os_compatibility = extra.take("browser_os_compatibility");
        self.marketing_options = extra.take("marketing_options");
        self.technical_options = extra.take("technical_options");
        self.requested_launch_date = extra.take("requested_launch_date");
        self.launch_on_approval = extra.take("launch_on_approval");
        self.is_patch = extra.take("is_patch");
        self.process_as_patch = extra.take("process_as_patch");
        self.priority = extra.take("priority");
        self.stability = extra.take("stability");
        self.mage_id = extra.take_scalar("mage_id");
        self.url_key = extra.take("url_key");
        self.max_version_launched = extra.take("max_version_launched");
        self.original_launch_date = extra.take("original_launch_date");
        self.latest_launch_date = extra.take("latest_launch_date");
    }
}

impl json_object::Object for Package {
    fn read_known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn extra_mut(&mut self) -> &mut JsonObject {
        &mut self.extra
    }
}

impl<'de> Deserialize<'de> for Package {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut package: Self = json_object::read(deserializer)?;
        package.read_details();
        Ok(package)
    }
}

impl Serialize for Package {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// One item of the response to a batch. A rejected item has only `code` and `message`, so match items by position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(transform = crate::schema::as_received_except(&[
        "code", "message", "submission_id", "item_id", "eqp_status",
    ]))
)]
#[serde(remote = "Self")]
pub struct BatchItem {
    /// The result code: 200 means success, regardless of the HTTP status.
    #[serde(default, deserialize_with = "lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// The message of the API.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The ID of the submission. Absent if the item was rejected.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<SubmissionId>,
    /// The developer's item ID, if one was sent.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The status of each flow.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// When the submission was created.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the submission was last changed.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten, skip_deserializing)]
    pub extra: JsonObject,
}

impl BatchItem {
    /// Returns whether the item was accepted.
    pub fn is_success(&self) -> bool {
        self.code == Some(200)
    }

    /// Returns whether the malware scan of one of the files has not finished. This is not a rejection: the same request succeeds after
    /// the scan.
    pub fn is_scan_in_progress(&self) -> bool {
        self.code == Some(crate::ApiError::SCAN_IN_PROGRESS)
    }
}

object! { EqpStatus, BatchItem }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_objects_sent_as_lists_are_nothing() {
        let package: Package = serde_json::from_str(
            r#"{"submission_id": "s1", "artifact": [], "eqp_status": [], "sku": "", "type": "extension"}"#,
        )
        .unwrap();
        assert_eq!((package.artifact, package.eqp_status, package.sku), (None, None, None));
        assert_eq!(package.kind, Some(PackageType::Extension));
    }

    #[test]
    fn the_request_of_the_developer_decides_whether_a_version_is_a_patch() {
        for (json, expected) in [
            (r#"{"process_as_patch": "yes", "is_patch": false}"#, Some(true)),
            (r#"{"process_as_patch": "no", "is_patch": "1"}"#, Some(false)),
            (r#"{"process_as_patch": "unknown", "is_patch": "1"}"#, Some(true)),
            (r#"{"is_patch": "soon"}"#, None),
            ("{}", None),
        ] {
            let package: Package = serde_json::from_str(json).unwrap();
            assert_eq!(package.is_reviewed_as_patch(), expected, "{json}");
        }
    }

    #[test]
    fn fields_without_a_name_here_survive() {
        let json = serde_json::json!({"submission_id": "s1", "prices": [{"edition": "CE", "price": "25.00"}],
            "max_version_launched": [], "actions_now_available": {"overall": ["cancel"]}});
        let package: Package = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(package).unwrap(), json);
    }

    #[test]
    fn a_bad_item_has_only_code_and_message() {
        let item: BatchItem = serde_json::from_str(r#"{"code": "1208", "message": "Insufficient"}"#).unwrap();
        assert!(!item.is_success());
        assert_eq!(item.code, Some(1208));
    }
}
