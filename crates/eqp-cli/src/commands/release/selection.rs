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
    /// Reads manifest and archive. `track` is the review selected by the command line.
    pub(super) fn read(self, track: Option<Track>) -> Result<SelectedPackage> {
        let manifest = self.manifest()?;
        let Self { archive, file_id, submission, .. } = self;
        Ok(Selection { manifest, archive, file_id, submission, track: track.map(Into::into) }.read()?)
    }

    /// Returns the manifest to read, or `None` if only a submission is given.
    fn manifest(&self) -> Result<Option<PathBuf>> {
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
