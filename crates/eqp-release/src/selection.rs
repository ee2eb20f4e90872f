//! Selects the package to release: from a manifest and its archive, or an existing submission.

use std::path::{Path, PathBuf};

use eqp_check::{Metadata, Suppression};
use eqp_types::{FileUploadId, ItemId, Sku, SubmissionId};

use crate::dependencies::{Requirement, requirements};
use crate::manifest::{FileSource, Manifest, ManifestError, ManifestPackage, default_item_id};
use crate::reviews::{RequestedAction, Track, TrackError, requested_action};

/// Selects the package to release by a manifest, an archive or a submission.
///
/// ```no_run
/// use eqp_release::{Selection, Track};
///
/// let selection =
///     Selection { manifest: Some("release.toml".into()), track: Some(Track::Technical), ..Selection::default() };
/// println!("releasing {}", selection.read()?.label);
/// # Ok::<(), eqp_release::SelectionError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The manifest; `-` for standard input.
    pub manifest: Option<PathBuf>,
    /// The archive, instead of the one in the manifest.
    pub archive: Option<PathBuf>,
    /// The ID of the archive, if it is already uploaded.
    pub file_id: Option<FileUploadId>,
    /// The ID of the submission, if it already exists.
    pub submission: Option<SubmissionId>,
    /// The reviews to submit it for, instead of those in the manifest's `action`.
    pub track: Option<Track>,
}

/// The reason why no package could be selected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] eqp_check::Error),
    /// The reviews cannot be determined.
    #[error(transparent)]
    Track(#[from] TrackError),
    /// The manifest has several packages, and no archive selects one.
    #[error("the manifest has {packages} packages; specify an archive to select one")]
    SeveralPackages {
        /// The number of packages.
        packages: usize,
    },
    /// None of the packages has the SKU of the archive.
    #[error("none of the manifest's packages has the SKU of the archive")]
    NotInManifest {
        /// The SKU of the archive, if it has one.
        sku: Option<String>,
    },
    /// The manifest's `action` only saves a draft.
    #[error("the manifest's `action` only saves a draft and submits nothing")]
    OnlyDraft,
    /// Files of the package do not exist.
    #[error("files of the package do not exist")]
    MissingFiles {
        /// The files.
        files: Vec<PathBuf>,
        /// The archive of the package, whether it exists or not.
        archive: Option<PathBuf>,
    },
    /// Nothing identifies the submission, so another run could not find it again.
    #[error("nothing identifies the submission: set an item ID, or a SKU and version")]
    Unidentified,
}

/// The selected package.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SelectedPackage {
    /// The package, including everything that identifies it.
    pub package: ManifestPackage,
    /// The SKU in the archive.
    pub archive_sku: Option<Sku>,
    /// The version in the archive's composer.json.
    pub archive_version: Option<String>,
    /// The packages of the same vendor that the archive requires.
    pub requirements: Vec<Requirement>,
    /// The manifest that the package was read from.
    pub manifest: Option<PathBuf>,
    /// The local archive.
    pub archive: Option<PathBuf>,
    /// The reviews that the package is submitted for.
    pub track: Track,
    /// The suppressions for a check.
    pub suppressions: Vec<Suppression>,
    /// The name of the package, for messages.
    pub label: String,
}

impl Selection {
    /// Reads manifest and archive.
    ///
    /// # Errors
    /// [`SelectionError`] if they cannot be read, or do not select exactly one package that can be submitted.
    pub fn read(self) -> Result<SelectedPackage, SelectionError> {
        let (packages, suppressions) = match &self.manifest {
            Some(path) => {
                let Manifest { packages, check, .. } = Manifest::read(path)?;
                (packages, check.suppress)
            }
            None => (vec![ManifestPackage::default()], Vec::new()),
        };
        let mut package = match (&packages[..], self.archive.as_deref()) {
            ([one], _) => one.clone(),
            (many, Some(archive)) => select_package(many, archive)?.clone(),
            (many, None) => return Err(SelectionError::SeveralPackages { packages: many.len() }),
        };
        if let Some(id) = self.file_id {
            package.changes.artifact = Some(FileSource::Uploaded(id));
        } else if let Some(path) = &self.archive {
            package.changes.artifact = Some(FileSource::Path(path.clone()));
        }
        if self.submission.is_some() {
            package.submission_id = self.submission;
        }
        let track = match requested_action(self.track, package.changes.action.take().as_ref())? {
            RequestedAction::Submit(track) => track,
            RequestedAction::Unspecified => Track::Both,
            RequestedAction::Draft => return Err(SelectionError::OnlyDraft),
        };
        let archive = package.changes.artifact.as_ref().and_then(FileSource::path).map(Path::to_owned);
        check_files_exist(&package)?;
        let metadata = archive.as_deref().and_then(|path| eqp_check::read_metadata(path).ok());
        let archive_sku = identify(&mut package, metadata.as_ref())?;
        let label = label(&package, archive_sku.as_ref());
        let requires = metadata.as_ref().map(|metadata| metadata.requires.as_slice()).unwrap_or_default();
        let sku = archive_sku.as_ref().or(package.changes.sku.as_ref());
        let requirements = requirements(sku, requires, &package.changes);
        let archive_version = metadata.and_then(|metadata| metadata.package.version);
        let manifest = self.manifest;
        Ok(SelectedPackage {
            package,
            archive_sku,
            archive_version,
            requirements,
            manifest,
            archive,
            track,
            suppressions,
            label,
        })
    }
}

impl SelectedPackage {
    /// Returns the SKU: that of the manifest, or of the archive.
    pub fn sku(&self) -> Option<&Sku> {
        self.package.changes.sku.as_ref().or(self.archive_sku.as_ref())
    }
}

/// Returns the package with the SKU of the archive.
///
/// # Errors
/// [`SelectionError::Archive`] if the archive cannot be read; [`SelectionError::NotInManifest`] if no package has its SKU.
pub fn select_package<'a>(
    packages: &'a [ManifestPackage],
    archive: &Path,
) -> Result<&'a ManifestPackage, SelectionError> {
    select_by_sku(packages, eqp_check::read_metadata(archive)?.package.name.as_deref())
}

/// Returns the package with a SKU, such as that of an archive.
///
/// # Errors
/// [`SelectionError::NotInManifest`] if no package has it.
pub fn select_by_sku<'a>(
    packages: &'a [ManifestPackage],
    sku: Option<&str>,
) -> Result<&'a ManifestPackage, SelectionError> {
    let is_match =
        |package: &&ManifestPackage| package.changes.sku.as_ref().is_some_and(|own| Some(own.as_str()) == sku);
    packages.iter().find(is_match).ok_or(SelectionError::NotInManifest { sku: sku.map(str::to_owned) })
}

/// Completes version and item ID from the archive if the manifest does not have them. Returns the SKU in the archive.
fn identify(package: &mut ManifestPackage, metadata: Option<&Metadata>) -> Result<Option<Sku>, SelectionError> {
    let from_archive = metadata.map(|metadata| &metadata.package);
    if package.changes.version.is_none() {
        package.changes.version = from_archive.and_then(|submission| submission.version.clone());
    }
    let archive_sku =
        from_archive.and_then(|submission| submission.name.as_deref()).and_then(|name| Sku::new(name).ok());
    if package.submission_id.is_none() && package.changes.item_id.is_none() {
        let sku = package.changes.sku.as_ref().or(archive_sku.as_ref());
        let item =
            sku.zip(package.changes.version.as_deref()).map(|(sku, version)| default_item_id(sku.as_str(), version));
        package.changes.item_id = item.and_then(|item| ItemId::new(item).ok());
        if package.changes.item_id.is_none() {
            return Err(SelectionError::Unidentified);
        }
    }
    Ok(archive_sku)
}

fn label(package: &ManifestPackage, archive_sku: Option<&Sku>) -> String {
    let sku = package.changes.sku.as_ref().or(archive_sku);
    match sku.zip(package.changes.version.as_deref()) {
        Some((sku, version)) => format!("{sku} {version}"),
        None => package.label(),
    }
}

fn check_files_exist(package: &ManifestPackage) -> Result<(), SelectionError> {
    let missing = package.files().filter_map(FileSource::path).filter(|path| !path.exists());
    let files: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    if files.is_empty() {
        return Ok(());
    }
    let archive = package.changes.artifact.as_ref().and_then(FileSource::path).map(Path::to_owned);
    Err(SelectionError::MissingFiles { files, archive })
}

#[cfg(test)]
mod tests {
    use eqp_types::PackageDraft;

    use super::*;

    #[test]
    fn a_second_run_knows_the_submission_by_an_id_that_the_archive_gives() {
        let mut package = ManifestPackage {
            changes: PackageDraft { version: Some("1.2.0".into()), ..PackageDraft::default() },
            ..ManifestPackage::default()
        };
        assert!(matches!(identify(&mut package, None), Err(SelectionError::Unidentified)));
        package.changes.sku = Some(Sku::new("acme/module-badges").unwrap());
        identify(&mut package, None).unwrap();
        assert_eq!(package.changes.item_id.unwrap().as_str(), "acme-module-badges-1.2.0");
        let mut own = ManifestPackage {
            changes: PackageDraft { item_id: Some(ItemId::new("mine").unwrap()), ..PackageDraft::default() },
            ..ManifestPackage::default()
        };
        identify(&mut own, None).unwrap();
        assert_eq!(own.changes.item_id.unwrap().as_str(), "mine");
    }
}
