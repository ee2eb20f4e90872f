//! One entry of an archive's directory.

use std::io::{Read, Seek};

use zip::{CompressionMethod, ZipArchive};

/// What the directory says of a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name; what is not UTF-8 in it is replaced.
    pub(crate) name: String,
    /// Its place in the directory.
    pub(crate) index: usize,
    /// Its size, unpacked.
    pub(crate) bytes: u64,
    /// Its size in the archive.
    pub(crate) packed_bytes: u64,
    /// What it is.
    pub(crate) nature: Nature,
    /// Whether it is encrypted.
    pub(crate) is_encrypted: bool,
    /// Whether it is packed in a way that every program knows.
    pub(crate) is_common: bool,
    /// Whether its name is UTF-8.
    pub(crate) has_utf8_name: bool,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe, a socket.
    Special,
}

impl Entry {
    /// The entry at this place of the directory.
    pub(super) fn read<R: Read + Seek>(zip: &ZipArchive<R>, index: usize) -> Option<Self> {
        let entry = zip.by_index_data(index).ok()?;
        let raw = entry.name_raw();
        Some(Self {
            name: String::from_utf8_lossy(raw).into_owned(),
            index,
            bytes: entry.size(),
            packed_bytes: entry.compressed_size(),
            nature: nature(entry.is_dir(), entry.unix_mode()),
            is_encrypted: entry.encrypted(),
            is_common: matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated),
            has_utf8_name: std::str::from_utf8(raw).is_ok(),
        })
    }

    /// Whether it is a file that can be unpacked here.
    pub(crate) fn is_readable(&self) -> bool {
        self.nature == Nature::File && !self.is_encrypted && self.is_common
    }

    /// Whether unpacking it could write outside the folder that it is unpacked to.
    pub(crate) fn escapes(&self) -> bool {
        let name = self.name.replace('\\', "/");
        let has_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
        name.starts_with('/') || has_drive || name.split('/').any(|part| part == "..") || name.contains('\0')
    }

    /// The end of its name, in lower case, after the last dot.
    pub(crate) fn extension(&self) -> String {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
    }
}

fn nature(is_folder: bool, mode: Option<u32>) -> Nature {
    match mode.map(|mode| mode & 0o170_000) {
        Some(0o120_000) => Nature::Link,
        Some(0o020_000 | 0o060_000 | 0o010_000 | 0o140_000) => Nature::Special,
        _ if is_folder => Nature::Folder,
        _ => Nature::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Entry {
        Entry {
            name: name.into(),
            index: 0,
            bytes: 0,
            packed_bytes: 0,
            nature: Nature::File,
            is_encrypted: false,
            is_common: true,
            has_utf8_name: true,
        }
    }

    #[test]
    fn a_name_that_leads_out_is_seen_in_every_spelling() {
        for name in
            ["/etc/passwd", "../x", "a/../../x", "a/..", "..", "C:/x", "c:\\x", "\\\\host\\x", "a\\..\\..\\x", "a\0b"]
        {
            assert!(named(name).escapes(), "{name:?}");
        }
        for name in ["a/b", "..a/b", "a../b", "a/...", "etc/module.xml", "é:x", "a:b:c/d:"] {
            let wanted = name == "a:b:c/d:";
            assert_eq!(named(name).escapes(), wanted, "{name:?}");
        }
    }

    #[test]
    fn an_extension_is_of_the_file_and_not_of_its_folder() {
        assert_eq!(named("a.b/View.PHTML").extension(), "phtml");
        assert_eq!(named("a.b/LICENSE").extension(), "");
    }
}
