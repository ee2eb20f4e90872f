//! The packages of the same vendor that an archive requires. The store cannot install a package whose requirements it does not have.

use std::path::Path;

use eqp_types::{ExistingPackage, PackageDraft, SharedArtifact, Sku, SubmissionId};
use serde::Serialize;

use crate::manifest::FileSource;

/// A package of the same vendor that an archive requires.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirement {
    /// The SKU.
    pub sku: Sku,
    /// The version constraint, in Composer's syntax.
    pub constraint: String,
}

/// A required package of the same vendor, and its state at the Marketplace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Dependency {
    /// The SKU.
    pub sku: Sku,
    /// The version constraint, in Composer's syntax.
    pub constraint: String,
    /// The state of the versions that the constraint allows.
    pub state: DependencyState,
    /// The version that the state is about; without a matching version, the highest version in the store.
    pub version: Option<String>,
    /// The submission of that version.
    pub submission_id: Option<SubmissionId>,
}

/// The state of a required package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DependencyState {
    /// A matching version is in the store, or is a shared package that has passed its technical review.
    Ready,
    /// A matching version is in review, or approved and not in the store yet.
    InReview,
    /// The newest matching version was rejected.
    Rejected,
    /// No matching version was submitted.
    Missing,
    /// It cannot be decided, for example because the constraint names a branch. This does not prevent a release.
    Undecided,
}

impl Dependency {
    /// Returns whether the release has to wait for the package.
    pub fn is_unmet(&self) -> bool {
        !matches!(self.state, DependencyState::Ready | DependencyState::Undecided)
    }

    /// Describes the requirement and its state, such as `acme/core ^1.9: version 1.9.3 is in review (s5w9k703ru)`.
    pub fn sentence(&self) -> String {
        let Self { sku, constraint, version, submission_id, .. } = self;
        let version = version.as_deref().unwrap_or("(unknown)");
        let id = submission_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        let state = match self.state {
            DependencyState::Ready => format!("version {version} is ready"),
            DependencyState::InReview => format!("version {version} is in review{id}"),
            DependencyState::Rejected => format!("version {version} was rejected{id}"),
            DependencyState::Missing if self.version.is_some() => {
                format!("no matching version is submitted; the store has {version}")
            }
            DependencyState::Missing => "no matching version is submitted".to_owned(),
            DependencyState::Undecided => "it is not known whether the store has a matching version".to_owned(),
        };
        format!("{sku} {constraint}: {state}")
    }
}

/// Returns the requirements of a package on its vendor's other packages. Shared packages whose archive is sent with it are omitted.
pub(crate) fn requirements(
    own: Option<&Sku>,
    requires: &[(String, String)],
    changes: &PackageDraft<FileSource>,
) -> Vec<Requirement> {
    let Some(vendor) = own.and_then(|sku| sku.as_str().split_once('/')).map(|(vendor, _)| vendor.to_lowercase()) else {
        return Vec::new();
    };
    let shared = || changes.shared_packages.iter().flatten();
    let sent: Vec<String> = shared()
        .filter_map(|package| {
            let path = package.artifact.as_ref().and_then(SharedArtifact::file).and_then(FileSource::path);
            package.sku.clone().or_else(|| path.and_then(name_in))
        })
        .collect();
    let version = changes.version.as_deref().unwrap_or("self.version");
    let mut requirements: Vec<Requirement> = Vec::new();
    for (name, constraint) in requires {
        let name = name.to_lowercase();
        let is_own = name.split_once('/').is_some_and(|(other, _)| other == vendor);
        let is_itself = own.is_some_and(|own| own.as_str().eq_ignore_ascii_case(&name));
        if !is_own || is_itself || sent.iter().any(|sent| sent.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let constraint = if constraint.trim() == "self.version" { version } else { constraint };
        requirements.extend(Sku::new(name).ok().map(|sku| Requirement { sku, constraint: constraint.to_owned() }));
    }
    for package in shared() {
        let Some(SharedArtifact::Existing(ExistingPackage { sku: Some(sku), version: Some(version), .. })) =
            &package.artifact
        else {
            continue;
        };
        let Ok(sku) = Sku::new(sku.to_lowercase()) else { continue };
        requirements.retain(|other| other.sku != sku);
        requirements.push(Requirement { sku, constraint: version.clone() });
    }
    requirements
}

fn name_in(archive: &Path) -> Option<String> {
    eqp_check::read_metadata(archive).ok()?.package.name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_other_packages_of_the_vendor_that_are_not_sent_along_are_required() {
        let changes: PackageDraft<FileSource> = serde_json::from_value(json!({"version": "1.5.0", "shared_packages": [
            {"sku": "acme/sent", "artifact": {"file_upload_id": "7"}},
            {"artifact": {"sku": "acme/shared", "version": "2.0.1"}},
        ]}))
        .unwrap();
        let requires = [
            ("php", "^8.3"),
            ("magento/framework", "^103.0"),
            ("acme/checkout", "^1.0"),
            ("acme/core", "^1.9"),
            ("acme/pro", "self.version"),
            ("acme/sent", "*"),
            ("acme/shared", "^2.0"),
            ("acmesoft/core", "^1.0"),
        ]
        .map(|(name, versions)| (name.to_owned(), versions.to_owned()));
        let own = Sku::new("acme/checkout").unwrap();
        let found = requirements(Some(&own), &requires, &changes);
        let found: Vec<_> = found.iter().map(|one| (one.sku.as_str(), one.constraint.as_str())).collect();
        assert_eq!(found, [("acme/core", "^1.9"), ("acme/pro", "1.5.0"), ("acme/shared", "2.0.1")]);
        assert_eq!(requirements(None, &requires, &changes), []);
    }
}
