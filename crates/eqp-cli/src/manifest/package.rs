//! A package as a manifest describes it: the fields of the API that a request can set, by their names there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eqp_types::{FileUploadId, ItemId, Package, Sku, SubmissionId};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::artifact::{self, FileSource};
use super::parts::{
    Action, Documentation, EditionPrice, ExternalServices, Media, PricingModel, SharedPackage, SupportTier,
    VersionCompatibility,
};
use crate::failure::{Exit, Failure, Outcome};

/// A package. Everything is optional: what a draft or a submission needs is the Marketplace's to say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ManifestPackage {
    /// The Marketplace's id; an update without it looks for the item id, or for SKU and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) submission_id: Option<SubmissionId>,
    /// The developer's own id; a creation that is sent twice is recognised by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item_id: Option<ItemId>,
    /// `extension`, `theme`, `shared_package`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// `M2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// Only where an earlier version exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sku: Option<Sku>,
    /// As in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// The title in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) long_description: Option<String>,
    /// What is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) release_notes: Option<String>,
    /// `afl`, `apache`, …, `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) license_type: Option<String>,
    /// Of a custom license.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) custom_license_name: Option<String>,
    /// Of a custom license.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) custom_license_url: Option<String>,
    /// The archive.
    #[serde(deserialize_with = "artifact::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) artifact: Option<FileSource>,
    /// The editions and versions that it works with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_compatibility: Option<Vec<VersionCompatibility>>,
    /// The guides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) documentation_artifacts: Option<Documentation>,
    /// Icon, pictures, videos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media_artifacts: Option<Media>,
    /// One to three, of one main category, such as `//Extensions//Content`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) categories: Option<Vec<String>>,
    /// How the prices are meant; set when a package is created, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pricing_model: Option<PricingModel>,
    /// The same as `pricing_model.pricing_type`, as it is also spelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pricing_type: Option<String>,
    /// The same as `pricing_model.payment_period`, as it is also spelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_period: Option<Value>,
    /// One for each edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prices: Option<Vec<EditionPrice>>,
    /// At most three for each edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) support_tiers: Option<Vec<SupportTier>>,
    /// Shared packages that a buyer gets with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shared_packages: Option<Vec<SharedPackage>>,
    /// Services of others that it works with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_services: Option<ExternalServices>,
    /// `chrome`, `firefox`, …, on every system; ignored beside `browser_os_compatibility`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) browsers: Option<Vec<String>>,
    /// The browser, the system, the versions.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "open_object")]
    pub(crate) browser_os_compatibility: Option<Map<String, Value>>,
    /// Facts for buyers, by name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "open_object")]
    pub(crate) marketing_options: Option<Map<String, Value>>,
    /// Facts for the technical review, by name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "open_object")]
    pub(crate) technical_options: Option<Map<String, Value>>,
    /// Released not before this time (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requested_launch_date: Option<String>,
    /// Released as soon as it is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) launch_on_approval: Option<bool>,
    /// It is a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_patch: Option<Value>,
    /// `yes`, `no`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process_as_patch: Option<String>,
    /// `high`, `medium`, `low`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<String>,
    /// `stable`, `beta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stability: Option<String>,
    /// What is asked for: without it a draft is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<Action>,
    /// Fields that this version of the tool has no name for, sent as they are.
    #[serde(skip_serializing)]
    pub(crate) other: Map<String, Value>,
}

impl ManifestPackage {
    /// How people know it: its own id, or SKU and version, or its title.
    pub(crate) fn label(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let item = self.item_id.as_ref().map(ToString::to_string);
        item.or_else(|| self.sku.as_ref().map(|sku| format!("{sku}{version}")))
            .or_else(|| self.name.as_ref().map(|name| format!("{name}{version}")))
            .or_else(|| self.submission_id.as_ref().map(ToString::to_string))
            .unwrap_or_else(|| "-".into())
    }

    /// Its files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileSource> {
        let guides = self
            .documentation_artifacts
            .iter()
            .flat_map(|guides| [&guides.user, &guides.installation, &guides.reference].into_iter().flatten());
        let media = self
            .media_artifacts
            .iter()
            .flat_map(|media| media.icon_image.iter().chain(media.gallery_images.iter().flatten()));
        let shared = self.shared_packages.iter().flatten().filter_map(|shared| shared.artifact.as_ref());
        self.artifact.iter().chain(guides).chain(media).chain(shared)
    }

    /// Its files, to be changed.
    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut FileSource> {
        let guides = self.documentation_artifacts.iter_mut().flat_map(|guides| {
            [&mut guides.user, &mut guides.installation, &mut guides.reference].into_iter().flatten()
        });
        let media = self
            .media_artifacts
            .iter_mut()
            .flat_map(|media| media.icon_image.iter_mut().chain(media.gallery_images.iter_mut().flatten()));
        let shared = self.shared_packages.iter_mut().flatten().filter_map(|shared| shared.artifact.as_mut());
        self.artifact.iter_mut().chain(guides).chain(media).chain(shared)
    }

    /// The request for it, with the ids of its `uploaded` files in the place of their paths. A path that was not
    /// uploaded shows as it is: such a request is only to be looked at.
    pub(crate) fn request(&self, uploaded: &HashMap<PathBuf, FileUploadId>) -> Outcome<Value> {
        let mut sent = self.clone();
        for file in sent.files_mut() {
            if let Some(id) = file.path().and_then(|path: &Path| uploaded.get(path)) {
                *file = FileSource::Uploaded(id.clone());
            }
        }
        let mut value = serde_json::to_value(&sent).map_err(|error| not_sendable(self, &error))?;
        as_documented(&mut value);
        if let Value::Object(fields) = &mut value {
            fields.extend(self.other.clone());
        }
        Ok(value)
    }

    /// The same as the client takes it.
    pub(crate) fn package(&self, uploaded: &HashMap<PathBuf, FileUploadId>) -> Outcome<Package> {
        serde_json::from_value(self.request(uploaded)?).map_err(|error| not_sendable(self, &error))
    }
}

/// What can be written in two ways is sent in the documented one: the pricing model as an object, a shared package that exists
/// already as `artifact` with its SKU and version.
fn as_documented(fields: &mut Value) {
    one_pricing_model(fields);
    for shared in fields.get_mut("shared_packages").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(members) = shared else { continue };
        let named: Map<String, Value> =
            ["sku", "version"].iter().filter_map(|name| members.remove_entry(*name)).collect();
        if !named.is_empty() {
            members.entry("artifact").or_insert(Value::Object(named));
        }
    }
}

/// Two fields beside the others become the object that they belong to.
fn one_pricing_model(fields: &mut Value) {
    let Value::Object(fields) = fields else { return };
    for name in ["pricing_type", "payment_period"] {
        let Some(value) = fields.remove(name).filter(|value| !value.is_null()) else { continue };
        let model = fields.entry("pricing_model").or_insert(Value::Null);
        if !model.is_object() {
            *model = Value::Object(Map::new());
        }
        if let Value::Object(model) = model {
            model.entry(name).or_insert(value);
        }
    }
}

fn not_sendable(package: &ManifestPackage, error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the package {} cannot be sent", package.label())).because(error)
}

/// An object with names of its own; the API spells an empty one `[]`.
fn open_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Map<String, Value>>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Array(items) if items.is_empty() => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(de::Error::custom("a table is expected")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::keys::names_of;
    use crate::manifest::reader;

    fn package(value: &Value) -> ManifestPackage {
        reader::read(value, "package").unwrap()
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
        let shown = serde_json::to_value(&manifest.packages[0]).unwrap();
        let beside = ["submission_id", "pricing_type", "payment_period", "other"];
        for name in names_of::<ManifestPackage>().iter().filter(|name| !beside.contains(name)) {
            assert!(shown.get(*name).is_some(), "the example has no `{name}`");
        }
        assert!(beside.iter().all(|name| page.contains(name)));
        let parts = [
            ("documentation_artifacts", names_of::<Documentation>()),
            ("media_artifacts", names_of::<Media>()),
            ("pricing_model", names_of::<PricingModel>()),
            ("external_services", names_of::<ExternalServices>()),
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
            assert!(reader::read::<ManifestPackage>(&wrong, "package").is_err(), "{wrong}");
        }
        assert_eq!(package(&json!({"artifact": {}, "name": null})), ManifestPackage::default());
    }
}
