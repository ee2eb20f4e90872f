//! What is to be released: a package of a manifest and its archive, or a submission that is there already.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_check::{Facts, Suppression};
use eqp_types::{FileUploadId, ItemId, Sku, SubmissionId};

use crate::commands::packages::{own_id, package_of};
use crate::commands::track::{Asked, Track, asked};
use crate::failure::{Failure, Outcome};
use crate::manifest::{FileSource, Manifest, ManifestPackage};

/// The manifest that is read where none is named: what `eqp packages init` writes.
const USUAL_MANIFEST: &str = "release.toml";

/// What names it on the command line.
#[derive(Args, Debug)]
pub(super) struct Named {
    /// The archive [default: the manifest's]
    #[arg(value_name = "FILE", conflicts_with = "file_id")]
    archive: Option<PathBuf>,
    /// Release manifest, in TOML or JSON (- for standard input) [default: release.toml, unless --submission is given];
    /// `eqp packages init` writes one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The archive is uploaded already, under this id
    #[arg(long, value_name = "ID")]
    file_id: Option<FileUploadId>,
    /// The submission is made already, under this id
    #[arg(long, value_name = "ID")]
    submission: Option<SubmissionId>,
}

/// What is to be released.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The package, with everything in it that identifies it.
    pub(super) package: ManifestPackage,
    /// What the archive says its SKU is, where the manifest does not.
    pub(super) sku_of_archive: Option<Sku>,
    /// The archive, if it is on this machine.
    pub(super) archive: Option<PathBuf>,
    /// The reviews that it is submitted for.
    pub(super) track: Track,
    /// What the manifest passes over in a check.
    pub(super) suppressions: Vec<Suppression>,
    /// How people know it.
    pub(super) label: String,
}

impl Named {
    /// Reads manifest and archive; `track` is what the command line asks for.
    pub(super) fn read(self, track: Option<Track>) -> Outcome<Wanted> {
        let (packages, suppressions) = match self.manifest()? {
            Some(path) => {
                let Manifest { packages, checking } = Manifest::read(&path)?;
                (packages, checking.suppress)
            }
            None => (vec![ManifestPackage::default()], Vec::new()),
        };
        let given = self.archive.as_deref();
        let mut package = match (&packages[..], given) {
            ([one], _) => one.clone(),
            (many, Some(archive)) => package_of(many, archive)?.clone(),
            (many, None) => {
                return Err(Failure::usage(format!("the manifest has {} packages", many.len()))
                    .next("name the archive of the one to release"));
            }
        };
        if let Some(id) = self.file_id {
            package.artifact = Some(FileSource::Uploaded(id));
        } else if let Some(path) = &self.archive {
            package.artifact = Some(FileSource::Path(path.clone()));
        }
        if self.submission.is_some() {
            package.submission_id = self.submission;
        }
        let track = match asked(track, package.action.take().as_ref())? {
            Asked::Submit(track) => track,
            Asked::Nothing => Track::Both,
            Asked::Draft => {
                return Err(Failure::usage("the manifest's `action` submits nothing: it only saves a draft")
                    .next("set `technical` or `marketing` to \"submit\", or leave `action` out and submit both")
                    .next("`eqp packages create` saves a draft"));
            }
        };
        let archive = package.artifact.as_ref().and_then(FileSource::path).map(Path::to_owned);
        are_there(&package)?;
        let facts = archive.as_deref().and_then(|path| eqp_check::facts(path).ok());
        let sku_of_archive = identify(&mut package, facts.as_ref())?;
        let label = label(&package, sku_of_archive.as_ref());
        Ok(Wanted { package, sku_of_archive, archive, track, suppressions, label })
    }

    /// The manifest to read: none where only a submission is named.
    fn manifest(&self) -> Outcome<Option<PathBuf>> {
        let usual = Path::new(USUAL_MANIFEST);
        match &self.manifest {
            Some(path) => Ok(Some(path.clone())),
            None if self.submission.is_some() => Ok(None),
            None if usual.exists() => Ok(Some(usual.to_owned())),
            None => Err(Failure::usage(format!("there is no {USUAL_MANIFEST} in this folder"))
                .next("name the manifest with --manifest, or write one: eqp packages init ARCHIVE")),
        }
    }
}

/// The version comes from the archive where the manifest has none; so does the developer's own id, by which a second run
/// finds what the first one made.
fn identify(package: &mut ManifestPackage, facts: Option<&Facts>) -> Outcome<Option<Sku>> {
    let of_archive = facts.map(|facts| &facts.package);
    if package.version.is_none() {
        package.version = of_archive.and_then(|known| known.version.clone());
    }
    let sku_of_archive = of_archive.and_then(|known| known.name.as_deref()).and_then(|name| Sku::new(name).ok());
    if package.submission_id.is_none() && package.item_id.is_none() {
        let sku = package.sku.as_ref().or(sku_of_archive.as_ref());
        let item = sku.zip(package.version.as_deref()).map(|(sku, version)| own_id(sku.as_str(), version));
        package.item_id = item.and_then(|item| ItemId::new(item).ok());
        if package.item_id.is_none() {
            return Err(Failure::usage("nothing says which submission this is, so that a second run could find it")
                .next("give the manifest an item_id, or sku and version"));
        }
    }
    Ok(sku_of_archive)
}

fn label(package: &ManifestPackage, sku_of_archive: Option<&Sku>) -> String {
    let sku = package.sku.as_ref().or(sku_of_archive);
    match sku.zip(package.version.as_deref()) {
        Some((sku, version)) => format!("{sku} {version}"),
        None => package.label(),
    }
}

fn are_there(package: &ManifestPackage) -> Outcome {
    let missing = package.files().filter_map(FileSource::path).filter(|path| !path.exists());
    let named: Vec<_> = missing.map(|path| format!("there is no file {}", path.display())).collect();
    if named.is_empty() {
        return Ok(());
    }
    let failure = Failure::usage("files that are to be submitted are not there");
    Err(named.into_iter().fold(failure, Failure::why).next("paths in a manifest start from its folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_knows_the_submission_by_an_id_that_the_archive_gives() {
        let mut package = ManifestPackage { version: Some("1.2.0".into()), ..ManifestPackage::default() };
        assert_eq!(identify(&mut package, None).unwrap_err().exit_code(), 2);
        package.sku = Some(Sku::new("acme/module-badges").unwrap());
        identify(&mut package, None).unwrap();
        assert_eq!(package.item_id.unwrap().as_str(), "acme-module-badges-1.2.0");
        let mut own = ManifestPackage { item_id: Some(ItemId::new("mine").unwrap()), ..ManifestPackage::default() };
        identify(&mut own, None).unwrap();
        assert_eq!(own.item_id.unwrap().as_str(), "mine");
    }
}
