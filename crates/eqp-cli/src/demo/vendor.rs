//! The actions of the demo's vendor: upload, submit, and submit again after a rejection.

use std::path::{Path, PathBuf};

use eqp_client::Client;
use eqp_simulator::demo::{Extension, write_listing_files};
use eqp_types::{Actions, FileUploadId, PackageDraft, SubmissionId, UploadedFile};
use serde_json::json;

use crate::failure::{Exit, Failure, Result};

/// A vendor with an account.
#[derive(Debug)]
pub(super) struct Vendor<'a> {
    client: &'a Client,
    folder: PathBuf,
    listing: Vec<UploadedFile>,
}

impl<'a> Vendor<'a> {
    /// Creates the vendor's files, and uploads those that all listings share.
    pub(super) async fn prepare(client: &'a Client, folder: &Path) -> Result<Self> {
        let folder = folder.join("extensions");
        let made = std::fs::create_dir_all(&folder).and_then(|()| write_listing_files(&folder));
        let listing = client.files().upload(&made.map_err(|error| cannot_write(&error))?).await?;
        Ok(Self { client, folder, listing })
    }

    /// Uploads the archive of an extension.
    pub(super) async fn upload(&self, extension: Extension) -> Result<FileUploadId> {
        let path = extension.write_archive(&self.folder).map_err(|error| cannot_write(&error))?;
        let uploaded = self.client.files().upload(&[path]).await?;
        let file = uploaded.into_iter().next().ok_or_else(|| unexpected("the response contains no file"))?;
        Ok(file.file_upload_id)
    }

    /// Creates the submission of an extension as a draft, which can be submitted after its files are scanned.
    pub(super) async fn create(&self, extension: Extension, archive: &FileUploadId) -> Result<SubmissionId> {
        let answers = self.client.packages().create(&[self.package(extension, archive)?]).await?;
        let Some(item) = answers.into_iter().next() else { return Err(unexpected("the response contains no item")) };
        match item.submission_id.clone().filter(|_| item.is_success()) {
            Some(submission_id) => Ok(submission_id),
            None => Err(unexpected(item.message.as_deref().unwrap_or("the package was rejected without a reason"))),
        }
    }

    /// Returns the names of the files that all listings share.
    pub(super) fn listing(&self) -> impl Iterator<Item = &str> {
        self.listing.iter().map(|file| file.file_upload_id.as_str())
    }

    /// Submits an extension for both reviews.
    pub(super) async fn submit(&self, submission: &SubmissionId) -> Result {
        let change = PackageDraft { action: Some(Actions::submit_both()), ..PackageDraft::default() };
        self.client.packages().update_one(submission, &change.into()).await?;
        Ok(())
    }

    /// Submits the listing again after its rejection.
    pub(super) async fn resubmit(&self, submission: &SubmissionId) -> Result {
        let change = PackageDraft { action: Some(Actions::submit_marketing()), ..PackageDraft::default() };
        self.client.packages().update_one(submission, &change.into()).await?;
        Ok(())
    }

    fn package(&self, extension: Extension, archive: &FileUploadId) -> Result<PackageDraft> {
        let file = |index: usize| {
            let id = self.listing.get(index).map(|file| file.file_upload_id.as_str());
            json!({"file_upload_id": id})
        };
        let package = json!({
            "item_id": format!("{}-{}", extension.module, extension.version),
            "type": "extension",
            "platform": "M2",
            "name": extension.title,
            "version": extension.version,
            "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}],
            "release_notes": "The first version.",
            "long_description": "<h2>Features</h2><ul><li>Does what its name says.</li></ul>",
            "license_type": "osl",
            "categories": ["Content & Customizations//Page Content"],
            "artifact": {"file_upload_id": archive},
            "documentation_artifacts": {"user": file(0)},
            "media_artifacts": {"icon_image": file(1), "gallery_images": [file(2)]},
        });
        serde_json::from_value(package).map_err(|error| unexpected(&error.to_string()))
    }
}

fn cannot_write(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, "cannot write the files of the demo's extensions").because(error)
}

fn unexpected(why: &str) -> Failure {
    Failure::new(Exit::Failed, "the simulator rejected a submission of the demo").why(why)
}
