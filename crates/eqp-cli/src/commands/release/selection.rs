//! The arguments that select a release.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_release::{SelectedPackage, Selection};
use eqp_types::{FileUploadId, SubmissionId};

use crate::arguments::Track;
use crate::failure::{Failure, Result};

/// The default manifest, which `eqp packages init` writes.
const USUAL_MANIFEST: &str = "release.toml";

/// The arguments that select a release.
#[derive(Args, Debug)]
pub(super) struct SelectionOptions {
    /// Archive to release [default: the manifest's]
    #[arg(value_name = "FILE", conflicts_with = "file_id")]
    archive: Option<PathBuf>,
    /// Build the archive from the commit of this git tag, as `eqp packages build` does in the folder of the manifest
    #[arg(long, value_name = "TAG", conflicts_with_all = ["archive", "file_id"])]
    tag: Option<String>,
    /// Release manifest, in TOML or JSON (- for standard input) [default: release.toml, unless --submission is given]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// ID of an already uploaded archive
    #[arg(long, value_name = "ID")]
    file_id: Option<FileUploadId>,
    /// ID of an existing submission
    #[arg(long, value_name = "ID")]
    submission: Option<SubmissionId>,
}

impl SelectionOptions {
    /// Returns the tag to build the archive from.
    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the folder of the manifest, or the current folder.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        let manifest = self.manifest()?;
        let folder = manifest.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        Ok(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// Reads manifest and archive. `built` is the archive that was built from a tag, and `track` the review selected by the
    /// command line.
    pub(super) fn read(self, built: Option<PathBuf>, track: Option<Track>) -> Result<SelectedPackage> {
        let manifest = self.manifest()?;
        let Self { archive, file_id, submission, .. } = self;
        let archive = built.or(archive);
        Ok(Selection { manifest, archive, file_id, submission, track: track.map(Into::into) }.read()?)
    }

    /// Returns the manifest to read, or `None` if only a submission is given.
    pub(super) fn manifest(&self) -> Result<Option<PathBuf>> {
        let usual = Path::new(USUAL_MANIFEST);
        match &self.manifest {
            Some(path) => Ok(Some(path.clone())),
            None if self.submission.is_some() => Ok(None),
            None if usual.exists() => Ok(Some(usual.to_owned())),
            None => Err(Failure::usage(format!("there is no {USUAL_MANIFEST} in this folder"))
                .next("pass --manifest FILE, or create one: eqp packages init ARCHIVE")),
        }
    }
}
