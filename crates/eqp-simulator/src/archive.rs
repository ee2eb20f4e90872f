//! Reads name and version from the composer.json of an archive.

use std::fs::File;
use std::io::Read;

use serde::Deserialize;
use zip::ZipArchive;

/// The largest composer.json that is read.
const LONGEST_COMPOSER: u64 = 1024 * 1024;
/// The largest number of entries of an archive that is searched.
const MOST_ENTRIES: usize = 100_000;

/// The name and version of a package from its composer.json.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Composer {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// Reads the composer.json that is nearest to the root; `None` if the file is not an archive or has no readable one.
pub(crate) fn read_composer(file: File) -> Option<Composer> {
    #[derive(Deserialize)]
    struct ComposerJson {
        name: Option<String>,
        version: Option<String>,
    }
    let mut archive = ZipArchive::new(file).ok().filter(|archive| archive.len() <= MOST_ENTRIES)?;
    let is_composer = |name: &String| name == "composer.json" || name.ends_with("/composer.json");
    let names = archive.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned);
    let name = names.filter(is_composer).min_by_key(|name| name.matches('/').count())?;
    let mut text = Vec::new();
    archive.by_name(&name).ok()?.take(LONGEST_COMPOSER).read_to_end(&mut text).ok()?;
    let read: ComposerJson = serde_json::from_slice(&text).ok()?;
    Some(Composer { name: read.name, version: read.version })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(entries: &[(&str, &str)]) -> File {
        let mut writer = ZipWriter::new(tempfile::tempfile().unwrap());
        for (name, text) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        let mut file = writer.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn the_composer_json_nearest_to_the_root_counts() {
        let file = archive(&[
            ("badges/vendor/x/composer.json", r#"{"name": "x/x"}"#),
            ("badges/composer.json", r#"{"name": "acme/badges", "version": "1.2.0", "type": "magento2-module"}"#),
        ]);
        let composer = read_composer(file).unwrap();
        assert_eq!((composer.name.as_deref(), composer.version.as_deref()), (Some("acme/badges"), Some("1.2.0")));
    }

    #[test]
    fn a_file_that_is_not_an_archive_has_no_composer_json() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"PK but not really").unwrap();
        file.rewind().unwrap();
        assert_eq!(read_composer(file), None);
        assert_eq!(read_composer(archive(&[("readme.md", "")])), None);
        assert_eq!(read_composer(archive(&[("composer.json", "{")])), None);
    }
}
