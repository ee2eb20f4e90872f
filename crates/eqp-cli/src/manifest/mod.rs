//! Manifests: packages as a person writes them down, in TOML or JSON.
//!
//! Every field has the name that it has in the API. Files stand as paths, from the folder of the manifest, or as ids of
//! files that are uploaded already. An unknown key is an error that names the nearest right one, because the
//! Marketplace silently ignores what it does not know.

mod artifact;
mod checking;
mod listing;
mod package;
mod parts;
mod reader;
mod source;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) use artifact::FileSource;
pub(crate) use checking::Checking;
pub(crate) use package::ManifestPackage;
pub(crate) use parts::Action;

use self::reader::{Problem, ReadError};
use self::source::Document;
use crate::config::nearest;
use crate::failure::{Failure, Outcome};

/// A manifest that was read.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// The packages, at least one, in the order of the file.
    pub(crate) packages: Vec<ManifestPackage>,
    /// What it says to `packages check`.
    pub(crate) checking: Checking,
}

impl Manifest {
    /// Reads the manifest at `path`, or on standard input where `path` is `-`.
    ///
    /// TOML holds a table `[package]`, or tables `[[package]]`. JSON holds the same, or what the API takes: one object, or a
    /// list of them. Paths of files are made to start where we are.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let document = Document::read(path)?;
        let mut packages = Vec::with_capacity(document.packages.len());
        for (place, value) in &document.packages {
            let value = in_one_form(value);
            let mut package: ManifestPackage =
                reader::read(&value, place).map_err(|error| refused(&document.name, &error))?;
            for file in package.files_mut() {
                file.in_folder(&document.folder);
            }
            packages.push(package);
        }
        if packages.is_empty() {
            return Err(Failure::usage(format!("{} holds no package", document.name))
                .next("write a table [package], or several [[package]]"));
        }
        let checking = document.check.as_ref().map(|value| reader::read(value, "check")).transpose();
        let checking = checking.map_err(|error| refused(&document.name, &error))?.unwrap_or_default();
        Ok(Self { packages, checking })
    }

    /// The files that have to be uploaded, each once, in the order of the manifest.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        for path in self.packages.iter().flat_map(ManifestPackage::files).filter_map(FileSource::path) {
            if !files.iter().any(|known| known == path) {
                files.push(path.to_owned());
            }
        }
        files
    }
}

/// Objects of a package, which the API may show as empty text where they are empty.
const OBJECTS: [&str; 7] = [
    "browser_os_compatibility",
    "documentation_artifacts",
    "external_services",
    "marketing_options",
    "media_artifacts",
    "pricing_model",
    "technical_options",
];

/// The package in one form, where the API shows it in several: an empty object as empty text, a shared package that exists already
/// as `{"artifact": {"sku": …, "version": …}}`.
fn in_one_form(package: &Value) -> Value {
    let mut package = package.clone();
    for name in OBJECTS {
        if let Some(object) = package.get_mut(name).filter(|object| object.as_str() == Some("")) {
            *object = Value::Null;
        }
    }
    for shared in package.get_mut("shared_packages").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Object(members) = shared else { continue };
        let is_named = members.get("artifact").is_some_and(|artifact| artifact.get("sku").is_some());
        if let Some(Value::Object(artifact)) = members.get("artifact").filter(|_| is_named).cloned() {
            members.remove("artifact");
            members.extend(artifact);
        }
    }
    package
}

fn refused(file: &str, error: &ReadError) -> Failure {
    let place = &error.place;
    match &error.problem {
        Problem::UnknownKey { key, known } => {
            let failure = Failure::usage(format!("{file}: unknown key `{place}.{key}`"));
            match nearest(key, known.iter().copied()) {
                Some(name) => failure.next(format!("did you mean `{place}.{name}`?")),
                None => failure.next(format!("known here: {}", known.join(", "))),
            }
        }
        Problem::Other(text) => Failure::usage(format!("{file}: `{place}` cannot be read")).why(text.as_str()),
    }
}
