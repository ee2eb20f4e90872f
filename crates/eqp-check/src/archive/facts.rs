//! What an archive says of itself: all that a manifest can be begun with.

use std::path::Path;

use super::{Refused, open};
use crate::composer::{Composer, Kind};
use crate::error::Error;
use crate::limits::LARGEST_DESCRIPTION;
use crate::report::Package;

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Name, version and type, as composer.json has them.
    pub package: Package,
    /// `extension`, `theme`, as the API calls what this archive would be submitted as.
    pub submitted_as: &'static str,
    /// What composer.json says in a sentence, if anything.
    pub description: Option<String>,
    /// The API's word for the license that composer.json names, where there is one.
    pub license_type: Option<&'static str>,
}

/// Reads what an archive says of itself.
///
/// # Errors
///
/// Where the file cannot be read, or has no composer.json at its top that can be.
pub fn facts(path: &Path) -> Result<Facts, Error> {
    let none = |why: &str| Error::NoFacts { path: path.to_owned(), why: why.to_owned() };
    let (_, opened) = open(path)?;
    let archive = opened.map_err(|refused| match refused {
        Refused::NoZip(what) => none(&format!("this is not a zip archive: {what}")),
        Refused::TooMany(_) | Refused::TooLarge => none("this archive is too large to be opened"),
    })?;
    let entry = archive.find("composer.json").ok_or_else(|| none("there is no composer.json at its top"))?;
    if let Some(why) = entry.why_unreadable() {
        return Err(none(&format!("composer.json: {why}")));
    }
    let bytes = archive
        .read_whole(entry, LARGEST_DESCRIPTION)
        .ok_or_else(|| none("composer.json does not unpack, or is larger than 1 MiB"))?;
    let composer = Composer::read(&bytes).map_err(|error| none(&error.to_string()))?;
    Ok(Facts {
        submitted_as: if composer.kind() == Some(Kind::Theme) { "theme" } else { "extension" },
        description: composer.text("description").map(str::to_owned),
        license_type: composer.licenses().iter().find_map(|license| license_type(license)),
        package: composer.package(),
    })
}

/// The API's word for a license by its SPDX name.
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
