//! The listings in the store, as the Marketplace returns them.

use std::collections::BTreeMap;

use eqp_check::internal::Version;
use eqp_types::{Package, PackageType, Sku, Timestamp};
use serde::Serialize;
use time::Date;

use crate::release::is_live;

/// A product in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveListing {
    /// The SKU.
    pub sku: Sku,
    /// The highest version in the store.
    pub version: Option<String>,
    /// The versions of Adobe Commerce that this version shows as compatible.
    pub compatibility: Vec<EditionClaims>,
    /// The date of the last update, if it is known.
    pub updated: Option<Date>,
}

/// The versions of one edition that a listing shows as compatible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EditionClaims {
    /// The edition, such as `CE`.
    pub edition: String,
    /// The versions, such as `2.4`.
    pub versions: Vec<String>,
}

impl LiveListing {
    /// Iterates over the versions of all editions.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.compatibility.iter().flat_map(|edition| &edition.versions).map(String::as_str)
    }

    fn read(sku: Sku, package: &Package) -> Self {
        let claims = package.version_compatibility.iter().flatten();
        let compatibility = claims.map(|claim| EditionClaims {
            edition: claim.edition.as_ref().map(ToString::to_string).unwrap_or_default(),
            versions: claim.versions.clone().unwrap_or_default(),
        });
        let times = [package.latest_launch_date, package.original_launch_date, package.modified_at, package.created_at];
        let updated = times.into_iter().flatten().find(|time| !time.is_placeholder());
        Self {
            sku,
            version: package.version.clone(),
            compatibility: compatibility.collect(),
            updated: updated.map(|time: Timestamp| time.to_utc().date()),
        }
    }

    #[cfg(test)]
    pub(super) fn of(sku: &str, version: &str, claims: &[(&str, &[&str])], updated: Option<Date>) -> Self {
        let compatibility = claims.iter().map(|(edition, versions)| EditionClaims {
            edition: (*edition).to_owned(),
            versions: versions.iter().map(ToString::to_string).collect(),
        });
        let sku = Sku::new(sku).expect("it is a SKU");
        Self { sku, version: Some(version.to_owned()), compatibility: compatibility.collect(), updated }
    }
}

/// Returns the listings in the store, by SKU. Shared packages have none.
pub fn live_listings(packages: &[Package]) -> Vec<LiveListing> {
    let mut highest: BTreeMap<&Sku, &Package> = BTreeMap::new();
    let is_listed = |package: &&Package| {
        package.kind != Some(PackageType::SharedPackage) && package.eqp_status.as_ref().is_some_and(is_live)
    };
    let version = |package: &Package| package.version.as_deref().and_then(Version::parse);
    for package in packages.iter().filter(is_listed) {
        let Some(sku) = &package.sku else { continue };
        let known = highest.entry(sku).or_insert(package);
        if version(package) >= version(known) {
            *known = package;
        }
    }
    highest.into_iter().map(|(sku, package)| LiveListing::read(sku.clone(), package)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_highest_version_in_the_store_is_the_listing() {
        let package = |version: &str, overall: &str, kind: &str, launched: &str| -> Package {
            serde_json::from_value(json!({"sku": "acme/a", "version": version, "type": kind,
                "eqp_status": {"overall": overall}, "latest_launch_date": launched,
                "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}]}))
            .unwrap()
        };
        let packages = [
            package("1.10.0", "released_to_store", "extension", "2026-03-01 10:00:00"),
            package("1.9.0", "released_to_store", "extension", "2026-02-01 10:00:00"),
            package("2.0.0", "in_progress", "extension", "2026-04-01 10:00:00"),
        ];
        let [one] = &live_listings(&packages)[..] else { panic!("there is one listing") };
        assert_eq!((one.version.as_deref(), one.claims().collect::<Vec<_>>()), (Some("1.10.0"), vec!["2.4"]));
        assert_eq!(one.updated.unwrap().to_string(), "2026-03-01");
        assert!(live_listings(&[package("1.0.0", "released_to_store", "shared_package", "")]).is_empty());
    }
}
