//! Takes the fields that a manifest lacks from the version of the product that is in the store.
//!
//! Some fields belong to one version only and are never taken: IDs, version, archive, release notes, dates, the priority and whether it
//! is a patch.

use eqp_client::Client;
use eqp_types::{FileReference, JsonObject, Package, PackageDraft, Sku};

use crate::manifest::{FileSource, ManifestPackage};
use crate::release::{is_live, is_older, versions};

/// A version of a product in the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveVersion {
    /// The version, if the Marketplace reports one.
    pub version: Option<String>,
    /// The fields of the version that a request can set.
    pub fields: PackageDraft<FileSource>,
}

/// The reason why there is no version to take fields from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreviousError {
    /// Neither the manifest nor the archive contains the SKU.
    #[error("the SKU is not known, so the version in the store cannot be found")]
    NoSku,
    /// No version of the product is in the store.
    #[error("no version of {sku} is in the store")]
    NotInStore {
        /// The SKU.
        sku: Sku,
        /// The number of versions at the Marketplace.
        versions: usize,
    },
    /// The Marketplace could not be read.
    #[error("the version of {sku} in the store cannot be read")]
    Marketplace {
        /// The SKU.
        sku: Sku,
        /// The cause.
        source: eqp_client::Error,
    },
    /// The Marketplace describes the version in a way that cannot be used.
    #[error("version {version} of {sku} in the store has fields that cannot be used")]
    Unusable {
        /// The SKU.
        sku: Sku,
        /// The version.
        version: String,
        /// The cause.
        source: eqp_types::JsonError,
    },
}

impl LiveVersion {
    /// Reads the newest version of a product in the store, other than `except` if there is one.
    ///
    /// # Errors
    /// [`PreviousError`] if no version is in the store, or it cannot be read.
    pub async fn read(client: &Client, sku: &Sku, except: Option<&str>) -> Result<Self, PreviousError> {
        let failed = |source| PreviousError::Marketplace { sku: sku.clone(), source };
        let versions = versions(client, sku).await.map_err(failed)?;
        let live = newest(&versions, except);
        let live = live.ok_or_else(|| PreviousError::NotInStore { sku: sku.clone(), versions: versions.len() })?;
        // A list may contain fewer fields.
        let live = match &live.submission_id {
            Some(id) => client.packages().get(id).await.map_err(failed)?,
            None => live.clone(),
        };
        Self::of(&live).map_err(|source| PreviousError::Unusable {
            sku: sku.clone(),
            version: live.version.unwrap_or_else(|| "(unknown)".to_owned()),
            source,
        })
    }

    fn of(package: &Package) -> Result<Self, eqp_types::JsonError> {
        let mut draft = package.to_draft();
        // Only the ID of a file is read.
        for file in draft.files_mut() {
            *file = FileReference::new(file.file_upload_id.clone());
        }
        // Converted through JSON text, which preserves numbers exactly, because only the type of the files differs.
        let json = serde_json::to_string(&draft)?;
        Ok(Self { version: package.version.clone(), fields: serde_json::from_str(&json)? })
    }

    /// Sets the fields that a package lacks. Returns their names in the API.
    pub fn complete(&self, package: &mut ManifestPackage) -> Vec<&'static str> {
        let (own, live) = (&mut package.changes, &self.fields);
        let mut taken = Vec::new();
        let mut take = |name, is_taken: bool| {
            if is_taken {
                taken.push(name);
            }
        };
        take("type", set(&mut own.kind, live.kind.as_ref(), |_| false));
        take("platform", set(&mut own.platform, live.platform.as_ref(), |_| false));
        take("name", set(&mut own.name, live.name.as_ref(), String::is_empty));
        take("long_description", set(&mut own.long_description, live.long_description.as_ref(), String::is_empty));
        // The name and the URL of a license belong to it.
        if set(&mut own.license_type, live.license_type.as_ref(), |_| false) {
            take("license_type", true);
            let (name, url) = (live.custom_license_name.as_ref(), live.custom_license_url.as_ref());
            take("custom_license_name", set(&mut own.custom_license_name, name, String::is_empty));
            take("custom_license_url", set(&mut own.custom_license_url, url, String::is_empty));
        }
        let claims = live.version_compatibility.as_ref();
        take("version_compatibility", set(&mut own.version_compatibility, claims, Vec::is_empty));
        let guides = live.documentation_artifacts.as_ref();
        take(
            "documentation_artifacts",
            set(&mut own.documentation_artifacts, guides, |guides| {
                guides.user.is_none() && guides.installation.is_none() && guides.reference.is_none()
            }),
        );
        let media = live.media_artifacts.as_ref();
        take(
            "media_artifacts",
            set(&mut own.media_artifacts, media, |media| {
                media.icon_image.is_none()
                    && media.gallery_images.as_ref().is_none_or(Vec::is_empty)
                    && media.video_urls.as_ref().is_none_or(Vec::is_empty)
            }),
        );
        take("categories", set(&mut own.categories, live.categories.as_ref(), Vec::is_empty));
        take("pricing_model", set(&mut own.pricing_model, live.pricing_model.as_ref(), |_| false));
        take("prices", set(&mut own.prices, live.prices.as_ref(), Vec::is_empty));
        take("support_tiers", set(&mut own.support_tiers, live.support_tiers.as_ref(), Vec::is_empty));
        take("shared_packages", set(&mut own.shared_packages, live.shared_packages.as_ref(), Vec::is_empty));
        take("external_services", set(&mut own.external_services, live.external_services.as_ref(), |_| false));
        let has_browsers = own.browsers.is_some() || own.browser_os_compatibility.is_some();
        if !has_browsers {
            take("browsers", set(&mut own.browsers, live.browsers.as_ref(), Vec::is_empty));
            let browsers = live.browser_os_compatibility.as_ref();
            take("browser_os_compatibility", set(&mut own.browser_os_compatibility, browsers, is_empty));
        }
        let options = live.marketing_options.as_ref();
        take("marketing_options", set(&mut own.marketing_options, options, is_empty));
        take("stability", set(&mut own.stability, live.stability.as_ref(), |_| false));
        taken
    }
}

/// Sets a field that is missing to the value of the live version, unless that is empty. Returns whether it was set.
fn set<T: Clone>(own: &mut Option<T>, live: Option<&T>, is_empty: impl FnOnce(&T) -> bool) -> bool {
    match live {
        Some(value) if own.is_none() && !is_empty(value) => {
            *own = Some(value.clone());
            true
        }
        _ => false,
    }
}

fn is_empty(object: &JsonObject) -> bool {
    object.names().next().is_none()
}

/// Returns the newest version in the store, preferably another one than `except`.
pub(crate) fn newest<'a>(versions: &'a [Package], except: Option<&str>) -> Option<&'a Package> {
    let live = || versions.iter().filter(|package| package.eqp_status.as_ref().is_some_and(is_live));
    let newer = |one: &'a Package, other: &'a Package| {
        let is_older =
            one.version.as_deref().zip(other.version.as_deref()).is_none_or(|(one, other)| !is_older(other, one));
        if is_older { other } else { one }
    };
    let is_other = |package: &&Package| except.is_none() || package.version.as_deref() != except;
    live().filter(is_other).reduce(newer).or_else(|| live().reduce(newer))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::{Value, json};

    use super::*;

    /// A version with every field, as the Marketplace returns it.
    fn live() -> Value {
        json!({
            "submission_id": "s1", "item_id": "old", "sku": "acme/badges", "version": "1.4.0", "type": "extension",
            "platform": "M2", "name": "Badges", "long_description": "<p>x</p>", "release_notes": "old",
            "license_type": "custom", "custom_license_name": "Ours", "custom_license_url": "https://acme.example",
            "artifact": {"file_upload_id": "1.1", "filename": "a.zip", "size": 3},
            "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}],
            "documentation_artifacts": {"user": {"file_upload_id": "1.2", "filename": "g.pdf", "content_type": "x", "new_field": 1}, "installation": []},
            "media_artifacts": {"icon_image": {"file_upload_id": "1.3"}, "gallery_images": [{"file_upload_id": "1.4", "url": "u"}], "video_urls": []},
            "categories": ["//Extensions//Content"], "pricing_model": {"pricing_type": "one-time", "payment_period": 1},
            "prices": [{"edition": "CE", "currency_code": "USD", "price": "25.50"}],
            "support_tiers": [{"tier": 1, "edition": "CE", "monthly_period": 3, "prices": [{"currency_code": "USD", "price": 75.10}]}],
            "shared_packages": [{"artifact": {"sku": "acme/shared", "version": "1.0.0"}}],
            "external_services": {"is_saas": true, "items": [{"name": "x", "pay_to": "both"}]},
            "browsers": ["chrome"], "browser_os_compatibility": {"chrome": {"mac": ["39"]}},
            "marketing_options": {"featured": true}, "technical_options": {"x": 1}, "stability": "stable",
            "requested_launch_date": "2026-01-01 00:00:00", "launch_on_approval": true, "is_patch": true,
            "process_as_patch": "yes", "priority": "high", "eqp_status": {"overall": "released_to_store"},
        })
    }

    fn live_version(value: Value) -> LiveVersion {
        LiveVersion::of(&serde_json::from_value(value).unwrap()).unwrap()
    }

    const TAKEN: [&str; 19] = [
        "type",
        "platform",
        "name",
        "long_description",
        "license_type",
        "custom_license_name",
        "custom_license_url",
        "version_compatibility",
        "documentation_artifacts",
        "media_artifacts",
        "categories",
        "pricing_model",
        "prices",
        "support_tiers",
        "shared_packages",
        "external_services",
        "browsers",
        "browser_os_compatibility",
        "marketing_options",
    ];

    #[test]
    fn everything_that_is_missing_is_taken_and_survives_the_request() {
        let mut package = ManifestPackage::default();
        let taken = live_version(live()).complete(&mut package);
        assert_eq!(taken[..TAKEN.len()], TAKEN);
        assert_eq!(taken[TAKEN.len()..], ["stability"]);
        let request = package.request(&HashMap::new()).unwrap();
        let names: Vec<_> = request.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = taken.clone();
        expected.sort_unstable();
        assert_eq!(names, expected, "nothing of the old version alone is sent");
        for name in taken {
            if !["documentation_artifacts", "media_artifacts"].contains(&name) {
                assert_eq!(request[name], live()[name], "{name}");
            }
        }
        assert_eq!(request["documentation_artifacts"], json!({"user": {"file_upload_id": "1.2"}}));
        assert_eq!(request["media_artifacts"]["gallery_images"], json!([{"file_upload_id": "1.4"}]));
        assert!(package.package(&HashMap::new()).is_ok());
    }

    /// Each field alone: what the manifest has stays, and all others are taken.
    #[test]
    fn a_value_of_the_manifest_is_never_replaced() {
        for own in TAKEN.iter().chain(&["stability"]).filter(|name| !name.starts_with("custom_license")) {
            let mut other = live_version(live());
            let mut package = ManifestPackage::default();
            other.complete(&mut package);
            let before = package.request(&HashMap::new()).unwrap()[own].clone();
            // The same live version with another value of this field.
            let mut changed = live();
            changed[own] = Value::Null;
            other = live_version(changed);
            let taken = other.complete(&mut package);
            assert!(taken.is_empty(), "{own}: {taken:?}");
            assert_eq!(package.request(&HashMap::new()).unwrap()[own], before, "{own}");
        }
    }

    #[test]
    fn empty_values_and_parts_of_a_choice_are_not_taken() {
        let mut empty = live();
        for name in ["prices", "support_tiers", "shared_packages", "browsers", "categories"] {
            empty[name] = json!([]);
        }
        for name in ["documentation_artifacts", "media_artifacts", "browser_os_compatibility", "marketing_options"] {
            empty[name] = json!({});
        }
        empty["name"] = json!("");
        let mut package = ManifestPackage::default();
        let taken = live_version(empty).complete(&mut package);
        for name in ["prices", "categories", "documentation_artifacts", "media_artifacts", "marketing_options", "name"]
        {
            assert!(!taken.contains(&name), "{name}");
        }
        // The name of the old license is not that of another one, and browsers are named in one way.
        let changes = json!({"license_type": "mit", "browsers": ["firefox"]});
        let mut package =
            ManifestPackage { changes: serde_json::from_value(changes).unwrap(), ..ManifestPackage::default() };
        let taken = live_version(live()).complete(&mut package);
        for name in
            ["license_type", "custom_license_name", "custom_license_url", "browsers", "browser_os_compatibility"]
        {
            assert!(!taken.contains(&name), "{name}");
        }
    }

    #[test]
    fn the_newest_other_version_in_the_store_is_used() {
        let one = |version: &str, overall: &str| -> Package {
            serde_json::from_value(json!({"version": version, "eqp_status": {"overall": overall}})).unwrap()
        };
        let versions = [
            one("1.10.0", "released_to_store"),
            one("1.9.0", "released_to_store"),
            one("1.11.0", "in_progress"),
            one("1.12.0", "developer_removed_from_store"),
        ];
        let found = |except| newest(&versions, except).and_then(|package| package.version.as_deref());
        assert_eq!(found(None), Some("1.10.0"));
        assert_eq!(found(Some("1.11.0")), Some("1.10.0"));
        assert_eq!(found(Some("1.10.0")), Some("1.9.0"));
        assert_eq!(newest(&versions[..1], Some("1.10.0")).and_then(|one| one.version.as_deref()), Some("1.10.0"));
        assert!(newest(&versions[2..], None).is_none());
    }
}
