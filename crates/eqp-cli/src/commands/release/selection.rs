//! The arguments that select what to release.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_release::{SelectedPackage, Selection};
use eqp_types::{FileUploadId, SubmissionId};

use crate::arguments::Track;
use crate::failure::{Failure, Result};

/// The default manifest, which `eqp packages init` writes.
const USUAL_MANIFEST: &str = "release.toml";

/// The arguments that select what to release.
#[derive(Args, Clone, Debug)]
pub(super) struct SelectionOptions {
    /// Archive to release [default: the manifest's]
    #[arg(value_name = "FILE", conflicts_with = "file_id")]
    archive: Option<PathBuf>,
    /// Build the archive from the commit of this git tag, as `eqp packages build` does in the folder of the manifest
    #[arg(long, value_name = "TAG", conflicts_with_all = ["archive", "file_id"])]
    tag: Option<String>,
    /// Release manifest, in TOML or JSON (- for standard input); can be repeated [default: release.toml, unless
    /// --submission is given]
    #[arg(long, value_name = "FILE")]
    manifest: Vec<PathBuf>,
    /// ID of an already uploaded archive
    #[arg(long, value_name = "ID")]
    file_id: Option<FileUploadId>,
    /// ID of an existing submission
    #[arg(long, value_name = "ID")]
    submission: Option<SubmissionId>,
}

/// The selection of one product.
#[derive(Debug)]
pub(super) struct OneSelection {
    archive: Option<PathBuf>,
    tag: Option<String>,
    /// The manifest to read, or `None` if only a submission is given.
    manifest: Option<PathBuf>,
    file_id: Option<FileUploadId>,
    submission: Option<SubmissionId>,
}

impl SelectionOptions {
    /// Returns the selection of each product.
    pub(super) fn each(self) -> Result<Vec<OneSelection>> {
        let Self { archive, tag, manifest: mut manifests, file_id, submission } = self;
        if manifests.len() > 1 {
            if archive.is_some() || file_id.is_some() || submission.is_some() {
                return Err(Failure::usage(
                    "several manifests cannot be combined with an archive, --file-id or --submission",
                )
                .next("set `artifact` and `submission_id` in each manifest, or build the archives with --tag"));
            }
            let repeated = manifests.iter().enumerate().find(|(index, path)| manifests[..*index].contains(*path));
            if let Some((_, path)) = repeated {
                return Err(
                    Failure::usage(format!("the manifest {} is given twice", path.display())).next("pass it once")
                );
            }
            let select = |manifest| OneSelection {
                archive: None,
                tag: tag.clone(),
                manifest: Some(manifest),
                file_id: None,
                submission: None,
            };
            return Ok(manifests.into_iter().map(select).collect());
        }
        let usual = Path::new(USUAL_MANIFEST);
        let manifest = match manifests.pop() {
            Some(path) => Some(path),
            None if submission.is_some() => None,
            None if usual.exists() => Some(usual.to_owned()),
            None => {
                return Err(Failure::usage(format!("there is no {USUAL_MANIFEST} in this folder"))
                    .next("pass --manifest FILE, or create one: eqp packages init ARCHIVE"));
            }
        };
        Ok(vec![OneSelection { archive, tag, manifest, file_id, submission }])
    }
}

impl OneSelection {
    /// Returns the tag to build the archive from.
    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the manifest to read, or `None` if only a submission is given.
    pub(super) fn manifest(&self) -> Option<&Path> {
        self.manifest.as_deref()
    }

    /// Returns the folder of the manifest, or the current folder.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.manifest().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    }

    /// Reads manifest and archive. `built` is the archive that was built from a tag, and `track` the review selected by the
    /// command line.
    pub(super) fn read(self, built: Option<PathBuf>, track: Option<Track>) -> Result<SelectedPackage> {
        let Self { archive, manifest, file_id, submission, .. } = self;
        let archive = built.or(archive);
        Ok(Selection { manifest, archive, file_id, submission, track: track.map(Into::into) }.read()?)
    }
}
