//! Observes the state of a release at the Marketplace, before every step.

use std::collections::HashMap;

use eqp_client::Client;
use eqp_types::{Package, ProcessAsPatch, Sku, SubmissionId};

use super::Release;
use super::diff::differences;
use super::error::Error;
use super::observed_state::{Diff, FilesState, ObservedState, ObservedSubmission};
use super::patch::predict;
use super::phase::{is_closed, is_live, running_reviews};
use super::remote_file::{combined_state, upload_ids};
use super::version::{is_numbered, is_older};
use crate::manifest::FileSource;

impl Release {
    /// Observes the state.
    pub(super) async fn observe_state(&mut self) -> Result<ObservedState, Error> {
        let identified = self.identified().await?;
        let versions = match self.sku(identified.as_ref()) {
            Some(sku) => versions(&self.client, &sku).await?,
            None => Vec::new(),
        };
        self.versions = versions.len();
        let version = self.selected.package.changes.version.as_deref();
        self.newer_in_store = version.and_then(|version| newer_in_store(&versions, version));
        let is_declared = self.selected.package.changes.process_as_patch == Some(ProcessAsPatch::Yes);
        let live = newest_in_store(&versions);
        self.patch = version.and_then(|version| predict(version, live, is_declared));
        let package = identified.or_else(|| same_version(&versions, version));
        if let Some(package) = &package {
            self.check_version(package)?;
        }
        let own = package.as_ref().and_then(|package| package.submission_id.clone());
        let others_in_review = in_review(&versions, own.as_ref());
        let submission = match &package {
            Some(package) => Some(ObservedSubmission {
                status: package.eqp_status.clone().unwrap_or_default(),
                archive: self.diff_archive(package).await?,
                listing: self.diff_listing(package)?,
            }),
            None => None,
        };
        self.changed_fields = match &package {
            Some(package) => self.diff_texts(package)?,
            None => Vec::new(),
        };
        self.submission = package;
        let files = if self.files_observed { combined_state(&self.files) } else { FilesState::Unknown };
        let dependencies = self.dependencies_state();
        Ok(ObservedState { files, submission, others_in_review, dependencies, submitted: self.submitted })
    }

    /// Returns the submission with the ID in the manifest.
    async fn identified(&self) -> Result<Option<Package>, Error> {
        let (packages, selected) = (self.client.packages(), &self.selected.package);
        Ok(match (&selected.submission_id, &selected.changes.item_id) {
            (Some(id), _) => Some(packages.get(id).await?),
            (None, Some(item)) => packages.by_item(item).await?,
            (None, None) => None,
        })
    }

    fn sku(&self, identified: Option<&Package>) -> Option<Sku> {
        let submission = self.selected.package.changes.sku.as_ref().or(self.selected.archive_sku.as_ref());
        submission.or(identified.and_then(|package| package.sku.as_ref())).cloned()
    }

    /// Checks the version of the submission: an item ID that is not changed for a new version refers to the old one.
    fn check_version(&self, package: &Package) -> Result<(), Error> {
        match (&package.version, &self.selected.package.changes.version) {
            (Some(current), Some(selected)) if current != selected => {
                let id = package.item_id.as_ref().map(ToString::to_string);
                let id = id.or_else(|| package.submission_id.as_ref().map(ToString::to_string));
                let id = id.unwrap_or_else(|| "the submission".to_owned());
                Err(Error::OtherVersion { id, found: current.clone(), expected: selected.clone() })
            }
            _ => Ok(()),
        }
    }

    async fn diff_archive(&self, package: &Package) -> Result<Diff, Error> {
        let Some(selected) = &self.selected.package.changes.artifact else { return Ok(Diff::Same) };
        let Some(current) = &package.artifact else { return Ok(Diff::Different) };
        let is_same = match (selected, &self.archive) {
            (FileSource::Uploaded(id), _) => *id == current.file_upload_id,
            (FileSource::Path(_), None) => true,
            (FileSource::Path(_), Some(archive)) => match self.client.files().get(&current.file_upload_id).await {
                Ok(record) => archive.has_content_of(&record),
                Err(error) if error.is_not_found() => false,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(if is_same { Diff::Same } else { Diff::Different })
    }

    fn diff_listing(&self, package: &Package) -> Result<Diff, Error> {
        if !self.files_observed {
            return Ok(Diff::Unknown);
        }
        if combined_state(&self.files) == FilesState::Missing {
            return Ok(Diff::Different);
        }
        let desired = self.selected.package.request(&upload_ids(&self.files))?;
        let current = serde_json::to_value(package).expect("a package that was read can be written as JSON");
        let differing = differences(&desired, &current);
        tracing::debug!(?differing, "compared the manifest with the submission");
        Ok(if differing.is_empty() { Diff::Same } else { Diff::Different })
    }

    /// Returns the fields other than files that differ. This does not require the files to be observed.
    fn diff_texts(&self, package: &Package) -> Result<Vec<String>, Error> {
        let desired = self.selected.package.request(&HashMap::new())?;
        let current = serde_json::to_value(package).expect("a package that was read can be written as JSON");
        let differing = differences(&desired, &current).into_iter();
        Ok(differing.filter(|name| !WITH_FILES.contains(&name.as_str())).collect())
    }
}

/// Fields that refer to files.
const WITH_FILES: [&str; 4] = ["artifact", "documentation_artifacts", "media_artifacts", "shared_packages"];

/// Returns the newest version in the store, if it is newer than `version`.
fn newer_in_store(versions: &[Package], version: &str) -> Option<String> {
    newest_in_store(versions).filter(|newest| is_older(version, newest)).map(str::to_owned)
}

/// Returns the newest version in the store of those that consist of numbers.
fn newest_in_store(versions: &[Package]) -> Option<&str> {
    let live = versions.iter().filter(|package| package.eqp_status.as_ref().is_some_and(is_live));
    let numbered = live.filter_map(|package| package.version.as_deref()).filter(|version| is_numbered(version));
    numbered.reduce(|one, other| if is_older(one, other) { other } else { one })
}

/// Returns all versions of a product.
pub(crate) async fn versions(client: &Client, sku: &Sku) -> Result<Vec<Package>, eqp_client::Error> {
    match client.packages().by_sku(sku, None).await {
        Ok(versions) => Ok(versions),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Returns a submission of this version that was created by another program. Closed submissions cannot be continued.
fn same_version(versions: &[Package], version: Option<&str>) -> Option<Package> {
    let is_match = |package: &&Package| {
        version.is_some()
            && package.version.as_deref() == version
            && !package.eqp_status.as_ref().is_some_and(is_closed)
    };
    versions.iter().rev().find(is_match).cloned()
}

/// Returns other versions in review, except changes of a version that is already in the store.
fn in_review(versions: &[Package], own: Option<&SubmissionId>) -> Vec<SubmissionId> {
    let is_in_review = |package: &&Package| {
        package.submission_id.as_ref() != own
            && package
                .eqp_status
                .as_ref()
                .is_some_and(|status| !is_live(status) && !is_closed(status) && !running_reviews(status).is_empty())
    };
    versions.iter().filter(is_in_review).filter_map(|package| package.submission_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn versions() -> Vec<Package> {
        let one = |id: &str, version: &str, overall: &str, technical: &str| {
            serde_json::from_value(json!({"submission_id": id, "version": version,
                "eqp_status": {"overall": overall, "technical": technical, "marketing": "draft"}}))
            .unwrap()
        };
        vec![
            one("a", "1.0.0", "released_to_store", "approved"),
            one("b", "1.1.0", "in_progress", "in_manual_qa"),
            one("c", "1.2.0", "canceled_by_developer", "in_automation"),
            one("d", "1.2.0", "draft", "draft"),
        ]
    }

    #[test]
    fn a_version_is_found_that_somebody_else_made_but_none_that_is_at_its_end() {
        let found = |version| same_version(&versions(), version).and_then(|package| package.submission_id);
        assert_eq!(found(Some("1.2.0")), SubmissionId::new("d").ok());
        assert_eq!(found(Some("2.0.0")), None);
        assert_eq!(found(None), None);
        assert_eq!(same_version(&versions()[..3], Some("1.2.0")), None);
    }

    #[test]
    fn only_a_running_review_blocks_a_release() {
        let b = SubmissionId::new("b").unwrap();
        assert_eq!(in_review(&versions(), None), std::slice::from_ref(&b));
        assert_eq!(in_review(&versions(), Some(&b)), []);
    }
}
