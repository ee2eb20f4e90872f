//! Where the release stands: asked of the Marketplace before every step.

use eqp_client::Client;
use eqp_types::{Package, Sku, SubmissionId};

use super::Run;
use super::difference::differences;
use super::located::{files_of, ids};
use super::situation::{Files, Known, Sameness, Situation};
use super::stage::{is_ended, is_live, running};
use crate::failure::{Failure, Outcome};
use crate::manifest::FileSource;

impl Run<'_> {
    /// Looks where it stands.
    pub(super) async fn look(&mut self) -> Outcome<Situation> {
        let named = self.named().await?;
        let versions = match self.sku(named.as_ref()) {
            Some(sku) => versions(&self.client, &sku).await?,
            None => Vec::new(),
        };
        self.versions = versions.len();
        let version = self.wanted.package.version.as_deref();
        let package = named.or_else(|| same_version(&versions, version));
        if let Some(package) = &package {
            self.is_meant(package)?;
        }
        let own = package.as_ref().and_then(|package| package.submission_id.clone());
        let others_in_review = in_review(&versions, own.as_ref());
        let submission = match &package {
            Some(package) => Some(Known {
                status: package.eqp_status.clone().unwrap_or_default(),
                archive: self.archive_against(package).await?,
                listing: self.listing_against(package)?,
            }),
            None => None,
        };
        self.take_up(package)?;
        let files = if self.looked_at_files { files_of(&self.files) } else { Files::NotLookedAt };
        Ok(Situation { files, submission, others_in_review, submitted: self.submitted })
    }

    /// The submission that the manifest names by an id.
    async fn named(&self) -> Outcome<Option<Package>> {
        let (packages, wanted) = (self.client.packages(), &self.wanted.package);
        Ok(match (&wanted.submission_id, &wanted.item_id) {
            (Some(id), _) => Some(packages.get(id).await?),
            (None, Some(item)) => packages.by_item(item).await?,
            (None, None) => None,
        })
    }

    fn sku(&self, named: Option<&Package>) -> Option<Sku> {
        let known = self.wanted.package.sku.as_ref().or(self.wanted.sku_of_archive.as_ref());
        known.or(named.and_then(|package| package.sku.as_ref())).cloned()
    }

    /// An id that stands in a manifest for ever would mean the version that it was given to first.
    fn is_meant(&self, package: &Package) -> Outcome {
        match (&package.version, &self.wanted.package.version) {
            (Some(there), Some(wanted)) if there != wanted => {
                let id = package.item_id.as_ref().map(ToString::to_string);
                let id = id.or_else(|| package.submission_id.as_ref().map(ToString::to_string)).unwrap_or_default();
                Err(Failure::usage(format!("{id} is version {there}, and {wanted} is to be released"))
                    .next("give the manifest an item_id of this version, or none"))
            }
            _ => Ok(()),
        }
    }

    async fn archive_against(&self, package: &Package) -> Outcome<Sameness> {
        let Some(wanted) = &self.wanted.package.artifact else { return Ok(Sameness::Same) };
        let Some(there) = &package.artifact else { return Ok(Sameness::Other) };
        let is_same = match (wanted, &self.archive) {
            (FileSource::Uploaded(id), _) => *id == there.file_upload_id,
            (FileSource::Path(_), None) => true,
            (FileSource::Path(_), Some(archive)) => match self.client.files().get(&there.file_upload_id).await {
                Ok(record) => archive.has_content_of(&record),
                Err(error) if error.is_not_found() => false,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(if is_same { Sameness::Same } else { Sameness::Other })
    }

    fn listing_against(&self, package: &Package) -> Outcome<Sameness> {
        if !self.looked_at_files {
            return Ok(Sameness::NotLookedAt);
        }
        if files_of(&self.files) == Files::Missing {
            return Ok(Sameness::Other);
        }
        let wished = self.wanted.package.request(&ids(&self.files))?;
        let there = serde_json::to_value(package).unwrap_or_default();
        let differing = differences(&wished, &there);
        tracing::debug!(?differing, "the manifest against what is there");
        Ok(if differing.is_empty() { Sameness::Same } else { Sameness::Other })
    }
}

/// All versions of a product; none where it has none.
pub(super) async fn versions(client: &Client, sku: &Sku) -> Outcome<Vec<Package>> {
    match client.packages().by_sku(sku, None).await {
        Ok(versions) => Ok(versions),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// This version, made by hand or by another program; what is at its end cannot be it.
fn same_version(versions: &[Package], version: Option<&str>) -> Option<Package> {
    let is_it = |package: &&Package| {
        version.is_some() && package.version.as_deref() == version && !package.eqp_status.as_ref().is_some_and(is_ended)
    };
    versions.iter().rev().find(is_it).cloned()
}

/// Other versions whose review runs; a later change of what is in the store is none.
fn in_review(versions: &[Package], own: Option<&SubmissionId>) -> Vec<SubmissionId> {
    let is_in_review = |package: &&Package| {
        package.submission_id.as_ref() != own
            && package
                .eqp_status
                .as_ref()
                .is_some_and(|status| !is_live(status) && !is_ended(status) && !running(status).is_empty())
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
    fn only_a_review_that_runs_stands_in_the_way() {
        let b = SubmissionId::new("b").unwrap();
        assert_eq!(in_review(&versions(), None), std::slice::from_ref(&b));
        assert_eq!(in_review(&versions(), Some(&b)), []);
    }
}
