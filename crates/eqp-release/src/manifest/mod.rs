//! Release manifests: files in TOML or JSON that describe packages to submit.
//!
//! Fields have the same names as in the API. Files are paths relative to the folder of the manifest, or IDs of uploaded files. An
//! unknown key is an error with the known keys, because the Marketplace silently ignores unknown fields.

mod error;
mod package;
mod reader;
mod source;
mod template;

use std::path::{Path, PathBuf};

use eqp_check::Suppression;
use serde::Deserialize;
use serde_json::Value;

pub use eqp_check::FileSource;
pub use error::{ManifestError, ManifestProblem, PackageError};
pub use package::ManifestPackage;
pub use template::{short_template, template};

pub(crate) use template::default_item_id;

use self::reader::{Problem, ReadError};
use self::source::Document;
use crate::type_error::{Format, ShowValues, describe_type_error};

/// A release manifest.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Manifest {
    /// The packages in the order of the file. There is at least one.
    pub packages: Vec<ManifestPackage>,
    /// The options for building the archive.
    pub build: BuildOptions,
    /// The options for a check.
    pub check: CheckOptions,
}

/// The options for building an archive, in the table `build` of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildOptions {
    /// Patterns of files that are not packed.
    pub exclude: Vec<String>,
    /// Whether the files that match the default patterns are packed, too.
    pub no_default_excludes: bool,
    /// Files that may contain a secret.
    pub allow_secret: Vec<String>,
}

/// The options for a check, in the table `check` of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckOptions {
    /// The suppressed findings.
    pub suppress: Vec<Suppression>,
}

impl Manifest {
    /// Reads the manifest at `path`, or from standard input if `path` is `-`.
    ///
    /// A TOML file has a table `[package]` or several tables `[[package]]`. A JSON file has the same structure, or is a package object of
    /// the API or a list of them. Relative paths of files are resolved against the folder of the manifest.
    ///
    /// # Errors
    /// [`ManifestError`] if the file cannot be read, is neither TOML nor JSON, or has no package, an unknown key or a wrong value. It
    /// contains the path of the problem.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("release.toml");
    /// std::fs::write(&path, "[package]\nsku = \"acme/badges\"\nartifact = \"badges.zip\"")?;
    /// let manifest = eqp_release::manifest::Manifest::read(&path)?;
    /// assert_eq!(manifest.packages[0].label(), "acme/badges");
    /// assert_eq!(manifest.files(), [folder.path().join("badges.zip")]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn read(file: &Path) -> Result<Self, ManifestError> {
        let document = Document::read(file)?;
        let mut packages = Vec::with_capacity(document.packages.len());
        for (path, value) in &document.packages {
            if value.get("action").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                let path = reader::joined(path, "action");
                return Err(ManifestError::new(&document.name, &path, ManifestProblem::EmptyAction));
            }
            let mut package = ManifestPackage::read(value, path).map_err(|error| invalid(&document.name, &error))?;
            for source in package.changes.files_mut() {
                source.resolve(&document.folder);
            }
            packages.push(package);
        }
        if packages.is_empty() {
            return Err(ManifestError::new(&document.name, "", ManifestProblem::NoPackage));
        }
        let build = document.build.as_ref().map(|value| reader::read(value, "build")).transpose();
        let build = build.map_err(|error| invalid(&document.name, &error))?.unwrap_or_default();
        let check = document.check.as_ref().map(|value| reader::read(value, "check")).transpose();
        let check = check.map_err(|error| invalid(&document.name, &error))?.unwrap_or_default();
        Ok(Self { packages, build, check })
    }

    /// Returns the local files of all packages without duplicates, in the order of the manifest.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        for path in self.packages.iter().flat_map(ManifestPackage::files).filter_map(FileSource::path) {
            if !files.iter().any(|known| known == path) {
                files.push(path.to_owned());
            }
        }
        files
    }
}

fn invalid(file: &str, error: &ReadError) -> ManifestError {
    let problem = match &error.problem {
        Problem::UnknownKey { key, known } => ManifestProblem::UnknownKey { key: key.clone(), known: known.clone() },
        Problem::Value(text) => {
            let is_json = Path::new(file).extension().is_some_and(|extension| extension == "json");
            let format = if is_json { Format::Json } else { Format::Toml };
            ManifestProblem::Value(describe_type_error(text, format, ShowValues::Yes))
        }
    };
    ManifestError::new(file, &error.path, problem)
}
