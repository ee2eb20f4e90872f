//! The archive of a release that is built from a git tag.

use std::path::{Path, PathBuf};

use eqp_check::Check;
use eqp_release::build::Build;
use eqp_release::manifest::{BuildOptions, Manifest};
use eqp_release::run_check;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::progress::{Progress, StepFacts};
use crate::commands::packages::build::{NOT_WRITTEN, excludes, notes, refuse_secrets};
use crate::failure::{Exit, Failure, Result};
use crate::output::counted;

/// An archive in a temporary folder, which exists as long as this value.
pub(super) struct TagArchive {
    _folder: TempDir,
    pub(super) path: PathBuf,
    pub(super) tag: String,
    /// The folder of the package.
    pub(super) folder: PathBuf,
    /// The changelog of the tag.
    pub(super) changelog: Option<String>,
}

impl TagArchive {
    /// Builds the archive of the package in `folder` at a tag, with the options of the manifest.
    pub(super) async fn build(
        tag: &str,
        folder: &Path,
        manifest: Option<&Path>,
        stop: &CancellationToken,
        progress: &mut Progress,
    ) -> Result<Self> {
        progress.begins("build", &format!("building {tag}"))?;
        // Standard input can only be read once.
        let options = match manifest.filter(|path| path.as_os_str() != "-") {
            Some(path) => Manifest::read(path)?.build,
            None => BuildOptions::default(),
        };
        let built =
            Build::from_tag(folder, tag).excludes(excludes(&options, &[], false, folder, manifest)?).run(stop).await?;
        let name = built.file_name();
        let report = run_check(Check::new(), built.checked(name.as_str()), stop).await?;
        let exclude = "in [build] of the manifest: exclude";
        refuse_secrets(&report, &options.allow_secret, NOT_WRITTEN, exclude, "allow_secret")?;
        let scratch = tempfile::tempdir()
            .map_err(|error| Failure::new(Exit::Failed, "cannot create a temporary folder").because(&error))?;
        let path = scratch.path().join(&name);
        built.write(&path, false)?;
        for note in notes(&built) {
            progress.note(&note);
        }
        let text = format!("built {name} from tag {tag}: {}, SHA-256 {}", counted(built.files, "file"), built.sha256);
        let facts = StepFacts { file: Some(path.to_string_lossy()), ..StepFacts::default() };
        progress.done("build", &text, facts)?;
        Ok(Self { path, tag: tag.to_owned(), folder: folder.to_owned(), changelog: built.changelog, _folder: scratch })
    }
}
