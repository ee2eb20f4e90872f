//! A package in a manifest: the fields that a request can set, with files that may not be uploaded yet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eqp_check::{FileSource, Listing};
use eqp_types::{
    Actions, DocumentationArtifacts, ExistingPackage, ExternalService, ExternalServices, FileUploadId, JsonObject,
    MediaArtifacts, PackageDraft, PackageUpdate, Price, PricingModel, SharedArtifact, SharedPackage, SubmissionId,
    SupportTier, VersionCompatibility,
};
use serde_json::{Map, Value};

use super::error::PackageError;
use super::reader::{Problem, ReadError, joined, read};

/// Keys of a package in a manifest that are not fields of [`PackageDraft`].
const MANIFEST_KEYS: [&str; 4] = ["other", "payment_period", "pricing_type", "submission_id"];

/// A package in a manifest. All fields are optional, because a draft can be incomplete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManifestPackage {
    /// The submission ID. Without it, an update finds the submission by its item ID, or by its SKU and version.
    pub submission_id: Option<SubmissionId>,
    /// The fields to send. The fields of the table `other` are in `extra`.
    pub changes: PackageDraft<FileSource>,
}

impl ManifestPackage {
    /// Reads the package at `path` of its manifest.
    pub(super) fn read(value: &Value, path: &str) -> Result<Self, ReadError> {
        let mut value = value.clone();
        normalize(&mut value);
        let (mut submission_id, mut other) = (Value::Null, Value::Null);
        if let Value::Object(fields) = &mut value {
            submission_id = fields.remove("submission_id").unwrap_or(Value::Null);
            other = fields.remove("other").unwrap_or(Value::Null);
        }
        let mut changes: PackageDraft<FileSource> = read(&value, path)?;
        if let Some((inner, key, known)) = unknown_key(&changes) {
            let known = known.iter().map(|name| (*name).to_owned());
            let known = if inner.is_empty() {
                known.chain(MANIFEST_KEYS.map(str::to_owned)).collect()
            } else {
                known.collect()
            };
            return Err(ReadError { path: joined(path, &inner), problem: Problem::UnknownKey { key, known } });
        }
        let other: Option<Map<String, Value>> = read(&other, &joined(path, "other"))?;
        changes.extra = other.unwrap_or_default().into();
        Ok(Self { submission_id: read(&submission_id, &joined(path, "submission_id"))?, changes })
    }

    /// Returns a name for the package in messages: its item ID, SKU and version, title, or submission ID.
    pub fn label(&self) -> String {
        let PackageDraft { item_id, sku, name, version, .. } = &self.changes;
        let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let item = item_id.as_ref().map(ToString::to_string);
        item.or_else(|| sku.as_ref().map(|sku| format!("{sku}{version}")))
            .or_else(|| name.as_ref().map(|name| format!("{name}{version}")))
            .or_else(|| self.submission_id.as_ref().map(ToString::to_string))
            .unwrap_or_else(|| "-".into())
    }

    /// Iterates over the files of the package.
    pub fn files(&self) -> impl Iterator<Item = &FileSource> {
        self.changes.files()
    }

    /// Returns the body of the request for display. Paths of `uploaded` files are replaced by their IDs; other paths are left as they
    /// are.
    ///
    /// # Errors
    /// [`PackageError`] if a value cannot be written as JSON, such as a path that is not UTF-8.
    pub fn request(&self, uploaded: &HashMap<PathBuf, FileUploadId>) -> Result<Value, PackageError> {
        let mut update = self.with_uploaded(uploaded);
        write_references(&mut update.changes);
        serde_json::to_value(&update).map_err(|error| self.not_sendable(error))
    }

    /// Returns the package to send, with the IDs of the `uploaded` files.
    ///
    /// # Errors
    /// [`PackageError`] if a file is not uploaded, or a value cannot be written as JSON.
    pub fn package(&self, uploaded: &HashMap<PathBuf, FileUploadId>) -> Result<PackageUpdate, PackageError> {
        // Converted through JSON text, which preserves numbers exactly, because only the type of the files differs.
        let json = serde_json::to_string(&self.with_uploaded(uploaded)).map_err(|error| self.not_sendable(error))?;
        let mut update: PackageUpdate = serde_json::from_str(&json).map_err(|error| self.not_sendable(error))?;
        write_references(&mut update.changes);
        Ok(update)
    }

    /// Returns the fields for a check.
    pub fn listing(&self) -> Listing {
        self.changes.clone()
    }

    fn with_uploaded(&self, uploaded: &HashMap<PathBuf, FileUploadId>) -> PackageUpdate<FileSource> {
        let mut changes = self.changes.clone();
        for file in changes.files_mut() {
            if let Some(id) = file.path().and_then(|path: &Path| uploaded.get(path)) {
                *file = FileSource::Uploaded(id.clone());
            }
        }
        PackageUpdate { submission_id: self.submission_id.clone(), changes }
    }

    fn not_sendable(&self, source: serde_json::Error) -> PackageError {
        PackageError::NotSendable { label: self.label(), source: source.into() }
    }
}

/// The objects of a package, which the API may return as `""` if they are empty.
const OBJECTS: [&str; 7] = [
    "browser_os_compatibility",
    "documentation_artifacts",
    "external_services",
    "marketing_options",
    "media_artifacts",
    "pricing_model",
    "technical_options",
];

/// Unifies the formats in which the API returns a package: an empty object as `""`, and the fields of the pricing model next to the
/// others.
fn normalize(package: &mut Value) {
    for name in OBJECTS {
        if let Some(object) = package.get_mut(name).filter(|object| object.as_str() == Some("")) {
            *object = Value::Null;
        }
    }
    let Value::Object(fields) = package else { return };
    for name in ["pricing_type", "payment_period"] {
        let Some(value) = fields.remove(name).filter(|value| !value.is_null()) else { continue };
        let model = fields.entry("pricing_model").or_insert(Value::Null);
        if model.is_null() {
            *model = Value::Object(Map::new());
        }
        if let Value::Object(model) = model {
            model.entry(name).or_insert(value);
        }
    }
}

/// Moves SKU and version of existing shared packages into `artifact`, where the API expects them.
fn write_references<F>(changes: &mut PackageDraft<F>) {
    for shared in changes.shared_packages.iter_mut().flatten() {
        let (sku, version) = (shared.sku.take(), shared.version.take());
        if shared.artifact.is_none() && (sku.is_some() || version.is_some()) {
            let existing = ExistingPackage { sku, version, extra: JsonObject::new() };
            shared.artifact = Some(SharedArtifact::Existing(existing));
        }
    }
}

/// Finds an unknown key. Returns the path of its object, the key, and the known keys of that object.
fn unknown_key(package: &PackageDraft<FileSource>) -> Option<(String, String, &'static [&'static str])> {
    type Known = &'static [&'static str];
    let mut objects: Vec<(String, &JsonObject, Known)> =
        vec![(String::new(), &package.extra, PackageDraft::<FileSource>::field_names())];
    let mut add = |path: String, extra, known| objects.push((path, extra, known));
    if let Some(action) = &package.action {
        add("action".into(), &action.extra, Actions::field_names());
    }
    for (at, claim) in package.version_compatibility.iter().flatten().enumerate() {
        add(format!("version_compatibility[{at}]"), &claim.extra, VersionCompatibility::field_names());
    }
    if let Some(documents) = &package.documentation_artifacts {
        let known = DocumentationArtifacts::<FileSource>::field_names();
        add("documentation_artifacts".into(), &documents.extra, known);
    }
    if let Some(media) = &package.media_artifacts {
        add("media_artifacts".into(), &media.extra, MediaArtifacts::<FileSource>::field_names());
    }
    if let Some(model) = &package.pricing_model {
        add("pricing_model".into(), &model.extra, PricingModel::field_names());
    }
    for (at, price) in package.prices.iter().flatten().enumerate() {
        add(format!("prices[{at}]"), &price.extra, Price::field_names());
    }
    for (at, tier) in package.support_tiers.iter().flatten().enumerate() {
        add(format!("support_tiers[{at}]"), &tier.extra, SupportTier::field_names());
        for (number, price) in tier.prices.iter().flatten().enumerate() {
            add(format!("support_tiers[{at}].prices[{number}]"), &price.extra, Price::field_names());
        }
    }
    for (at, shared) in package.shared_packages.iter().flatten().enumerate() {
        add(format!("shared_packages[{at}]"), &shared.extra, SharedPackage::<FileSource>::field_names());
        if let Some(SharedArtifact::Existing(existing)) = &shared.artifact {
            add(format!("shared_packages[{at}].artifact"), &existing.extra, ExistingPackage::field_names());
        }
    }
    if let Some(services) = &package.external_services {
        add("external_services".into(), &services.extra, ExternalServices::field_names());
        for (at, service) in services.items.iter().flatten().enumerate() {
            add(format!("external_services.items[{at}]"), &service.extra, ExternalService::field_names());
        }
    }
    objects.into_iter().find_map(|(path, extra, known)| Some((path, extra.names().next()?.to_owned(), known)))
}

#[cfg(test)]
mod tests {
    use eqp_types::PricingType;
    use serde_json::json;

    use super::*;
    fn package(value: &Value) -> ManifestPackage {
        ManifestPackage::read(value, "package").unwrap()
    }

    #[test]
    fn files_are_sent_as_ids_wherever_they_stand() {
        let package = package(&json!({
            "artifact": "a.zip", "documentation_artifacts": {"user": {"file": "g.pdf"}, "reference": []},
            "media_artifacts": {"icon_image": {"file_upload_id": "7", "filename": "i.png", "size": 3},
                "gallery_images": ["i.png"]},
            "shared_packages": [{"artifact": "s.zip"}, {"sku": "acme/shared", "version": "1.0.0"}],
        }));
        let paths: Vec<_> = package.files().filter_map(FileSource::path).collect();
        assert_eq!(paths, ["a.zip", "g.pdf", "i.png", "s.zip"].map(Path::new));
        let uploaded =
            paths.iter().enumerate().map(|(at, path)| ((*path).to_owned(), FileUploadId::new(at.to_string()).unwrap()));
        let id = |id: &str| json!({"file_upload_id": id});
        assert_eq!(
            package.request(&uploaded.collect()).unwrap(),
            json!({
                "artifact": id("0"), "documentation_artifacts": {"user": id("1")},
                "media_artifacts": {"icon_image": id("7"), "gallery_images": [id("2")]},
                "shared_packages": [
                    {"artifact": id("3")}, {"artifact": {"sku": "acme/shared", "version": "1.0.0"}},
                ],
            })
        );
    }

    #[test]
    fn what_is_written_is_what_is_sent() {
        let written = json!({
            "item_id": "a", "type": "theme", "prices": [{"edition": "CE", "price": "25.00", "initial_price": 30, "installation_price": 0}],
            "pricing_model": {"pricing_type": "subscription", "payment_period": 12}, "categories": [],
            "support_tiers": [{"tier": 1, "edition": "CE", "monthly_period": 3, "prices": [{"currency_code": "USD", "price": 75}]}],
            "external_services": {"is_saas": true, "items": [{"name": "x", "pay_to": "both"}]},
            "browser_os_compatibility": {"chrome": {"mac": ["39"]}}, "launch_on_approval": true,
            "action": {"overall": "remove"},
        });
        assert_eq!(package(&written).request(&HashMap::new()).unwrap(), written);
        let sent = package(&written).package(&HashMap::new()).unwrap();
        assert_eq!(serde_json::to_value(sent).unwrap(), written);
    }

    #[test]
    fn the_documentation_shows_every_field_in_a_manifest_that_can_be_read() {
        let page = include_str!("../../../../docs/manifest.md");
        let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.toml");
        std::fs::write(&path, example).unwrap();
        let manifest = crate::manifest::Manifest::read(&path).unwrap();
        assert_eq!(manifest.files().len(), 7);
        let shown = manifest.packages[0].request(&HashMap::new()).unwrap();
        for name in PackageDraft::<FileSource>::field_names() {
            assert!(shown.get(*name).is_some(), "the example has no `{name}`");
        }
        assert!(MANIFEST_KEYS.iter().all(|name| page.contains(name)));
        let parts = [
            ("documentation_artifacts", DocumentationArtifacts::<FileSource>::field_names()),
            ("media_artifacts", MediaArtifacts::<FileSource>::field_names()),
            ("pricing_model", PricingModel::field_names()),
            ("external_services", ExternalServices::field_names()),
        ];
        for (part, names) in parts {
            assert!(names.iter().all(|name| shown[part].get(*name).is_some()), "{part}: {names:?}");
        }
    }

    #[test]
    fn fields_that_are_newer_than_the_tool_are_sent_too() {
        let package = package(&json!({"name": "a", "other": {"shelf_life": 3}}));
        assert_eq!(package.request(&HashMap::new()).unwrap(), json!({"name": "a", "shelf_life": 3}));
    }

    #[test]
    fn a_file_is_one_thing() {
        for wrong in [
            json!({"artifact": {"file": "a", "file_upload_id": "1"}}),
            json!({"artifact": ["a"]}),
            json!({"artifact": 7}),
            json!({"media_artifacts": {"gallery_images": [{}]}}),
        ] {
            assert!(ManifestPackage::read(&wrong, "package").is_err(), "{wrong}");
        }
        assert_eq!(package(&json!({"artifact": {}, "name": null})), ManifestPackage::default());
    }

    #[test]
    fn both_spellings_of_the_pricing_model_are_one() {
        for written in [
            json!({"pricing_type": "subscription", "payment_period": "12"}),
            json!({"pricing_model": {"pricing_type": "subscription", "payment_period": 12}}),
            json!({"pricing_model": {"pricing_type": "subscription"}, "payment_period": 12, "pricing_type": "one-time"}),
        ] {
            let package = package(&written);
            let model = package.listing().pricing_model.unwrap();
            assert_eq!(model.pricing_type, Some(PricingType::Subscription));
            assert_eq!(model.payment_period.unwrap().as_str(), "12");
        }
    }

    #[test]
    fn a_file_is_looked_at_where_it_lies_and_an_id_is_not() {
        let package = package(&json!({
            "documentation_artifacts": {"user": "guide.pdf"},
            "media_artifacts": {"icon_image": {"file_upload_id": "5c.1"}},
        }));
        let listing = package.listing();
        assert_eq!(listing.documentation_artifacts.unwrap().user.unwrap().path(), Some(Path::new("guide.pdf")));
        let icon = listing.media_artifacts.unwrap().icon_image.unwrap();
        assert_eq!(icon, FileSource::Uploaded(FileUploadId::new("5c.1").unwrap()));
    }
}
