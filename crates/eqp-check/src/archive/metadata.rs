//! Reads the metadata of an archive from its composer.json, for example to create a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::{OpenError, open, open_bytes};
use crate::composer::{ComponentKind, Composer};
use crate::error::Error;
use crate::limits::MAX_METADATA_BYTES;
use crate::report::Package;

/// The maximum length of a line of source code that is shown.
const MAX_LINE_CHARS: usize = 160;

/// The metadata of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Name, version and type in composer.json.
    pub package: Package,
    /// The API's package type for the submission: `extension` or `theme`.
    pub package_type: &'static str,
    /// The description in composer.json.
    pub description: Option<String>,
    /// The API's license type for the license in composer.json, if there is one.
    pub license_type: Option<&'static str>,
    /// The required packages with their version constraints.
    pub requires: Vec<(String, String)>,
}

/// Reads the metadata of an archive.
///
/// # Errors
///
/// [`Error::Read`] and [`Error::NotAFile`] if the file cannot be read; [`Error::NoMetadata`] if it has no readable composer.json.
///
/// ```no_run
/// let metadata = eqp_check::read_metadata("acme-badges-1.2.0.zip".as_ref())?;
/// println!("{:?} {:?}", metadata.package.name, metadata.package.version);
/// # Ok::<(), eqp_check::Error>(())
/// ```
pub fn read_metadata(path: &Path) -> Result<Metadata, Error> {
    let none = |reason: &str| Error::NoMetadata { path: path.to_owned(), reason: reason.to_owned() };
    let (_, opened) = open(path)?;
    let archive = opened.map_err(|error| match error {
        OpenError::NotZip(not_zip) => none(&format!("not a zip archive: {}", not_zip.what)),
        OpenError::TooManyEntries(_) | OpenError::TooLarge => none("the archive is too large to be opened"),
    })?;
    let entry = archive.find("composer.json").ok_or_else(|| none("there is no composer.json at the top level"))?;
    if let Some(reason) = entry.why_unreadable() {
        return Err(none(&format!("composer.json: {reason}")));
    }
    let bytes = archive
        .read_whole(entry, MAX_METADATA_BYTES)
        .ok_or_else(|| none("composer.json cannot be unpacked or is larger than 1 MiB"))?;
    let composer = Composer::read(&bytes).map_err(|error| none(&error.to_string()))?;
    Ok(Metadata {
        package_type: if composer.kind() == Some(ComponentKind::Theme) { "theme" } else { "extension" },
        description: composer.text("description").map(str::to_owned),
        license_type: composer.licenses().iter().find_map(|license| license_type(license)),
        package: composer.package(),
        requires: composer.requires().map(|(name, versions)| (name.to_owned(), versions.to_owned())).collect(),
    })
}

/// Reads lines of files in an archive, given by the paths from the root of the package and line numbers starting at 1. Lines that cannot be
/// read are omitted, and long ones are shortened.
pub fn read_lines(bytes: Arc<[u8]>, places: &BTreeSet<(String, u32)>) -> BTreeMap<(String, u32), String> {
    let Ok(archive) = open_bytes(bytes) else { return BTreeMap::new() };
    let mut files: BTreeMap<&str, Option<Vec<u8>>> = BTreeMap::new();
    let mut lines = BTreeMap::new();
    for place @ (name, number) in places {
        let read = || archive.find(name).and_then(|entry| archive.read_whole(entry, MAX_METADATA_BYTES));
        let Some(bytes) = files.entry(name).or_insert_with(read) else { continue };
        let index = usize::try_from(*number).unwrap_or(usize::MAX).saturating_sub(1);
        if let Some(line) = bytes.split(|byte| *byte == b'\n').nth(index) {
            let line = String::from_utf8_lossy(line);
            lines.insert(place.clone(), line.trim_end().chars().take(MAX_LINE_CHARS).collect());
        }
    }
    lines
}

/// Returns the API's license type for an SPDX identifier.
fn license_type(spdx: &str) -> Option<&'static str> {
    let base = spdx.trim_end_matches("-only").trim_end_matches("-or-later").trim_end_matches('+');
    match base {
        "AFL-3.0" => Some("afl"),
        "Apache-2.0" => Some("apache"),
        "BSD-2-Clause" => Some("bsd"),
        "GPL-3.0" => Some("gnu-gpl"),
        "LGPL-3.0" => Some("gnu-lgpl"),
        "MIT" => Some("mit"),
        "MPL-1.1" => Some("mozilla"),
        "OSL-3.0" => Some("osl"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_has_the_store_s_word_if_the_store_knows_it() {
        assert_eq!(license_type("OSL-3.0"), Some("osl"));
        assert_eq!(license_type("GPL-3.0-or-later"), Some("gnu-gpl"));
        assert_eq!(license_type("proprietary"), None);
    }
}
