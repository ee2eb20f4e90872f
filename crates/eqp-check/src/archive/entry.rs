//! An entry in the directory of an archive.

use zip::CompressionMethod;
use zip::read::OwnedZipFileEntry;

/// The flag of an entry whose name is UTF-8.
const NAME_IS_UTF8: u16 = 1 << 11;
/// Reserved device names of Windows, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A directory entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The name. Bytes that are not UTF-8 are replaced.
    pub(crate) name: String,
    /// The index among the entries of the archive.
    pub(crate) index: usize,
    /// The uncompressed size in bytes.
    pub(crate) bytes: u64,
    /// The compressed size in bytes.
    pub(crate) packed_bytes: u64,
    /// The kind of entry.
    pub(crate) kind: EntryKind,
    /// Whether the content is encrypted.
    pub(crate) is_encrypted: bool,
    /// The number of the compression method.
    pub(crate) method: u16,
    /// The encoding of the name.
    pub(crate) encoding: Encoding,
}

/// The encoding of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8.
    Utf8,
    /// An unknown code page.
    Other,
    /// Flagged as UTF-8, but not valid UTF-8.
    FalseUtf8,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a pipe or a socket.
    Special,
}

impl Entry {
    /// Converts a record of the directory.
    pub(super) fn of(record: &OwnedZipFileEntry, index: usize) -> Self {
        let raw = record.name_raw();
        let is_utf8 = std::str::from_utf8(raw).is_ok();
        let says_utf8 = record.flags().as_u16() & NAME_IS_UTF8 != 0;
        Self {
            name: String::from_utf8_lossy(raw).into_owned(),
            index,
            bytes: record.size(),
            packed_bytes: record.compressed_size(),
            kind: kind(record.is_dir(), record.unix_mode()),
            is_encrypted: record.encrypted(),
            method: number_of(record.compression()),
            encoding: match (is_utf8, says_utf8) {
                (true, _) => Encoding::Utf8,
                (false, false) => Encoding::Other,
                (false, true) => Encoding::FalseUtf8,
            },
        }
    }

    /// Returns whether every program supports the compression method.
    pub(crate) fn is_common(&self) -> bool {
        matches!(self.method, 0 | 8)
    }

    /// Returns whether it is a file that this check can unpack.
    pub(crate) fn is_readable(&self) -> bool {
        self.kind == EntryKind::File && !self.is_encrypted && self.is_common()
    }

    /// Returns why neither this check nor the store can read the file, or `None` if they can.
    pub(crate) fn why_unreadable(&self) -> Option<String> {
        if self.is_encrypted {
            return Some("it is encrypted".to_owned());
        }
        (!self.is_common()).then(|| format!("it is compressed with {}", method_name(self.method)))
    }

    /// Returns whether unpacking the entry could write outside of the target folder.
    pub(crate) fn escapes(&self) -> bool {
        let name = self.name.replace('\\', "/");
        let has_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
        name.starts_with('/') || has_drive || name.split('/').any(|part| part == "..") || name.contains('\0')
    }

    /// Returns why the name does not work on every platform, or `None` if it does.
    pub(crate) fn why_not_portable(&self) -> Option<&'static str> {
        if self.encoding == Encoding::Other {
            return Some("its name is not UTF-8");
        }
        if self.name.contains('\\') {
            return Some("its name has \\ as separator, which only works on Windows");
        }
        if self.name.chars().any(char::is_control) {
            return Some("its name has a control character");
        }
        if self.name.chars().any(is_bidi_control) {
            return Some("its name has a bidirectional control character, so it is displayed as another name");
        }
        self.name.split('/').find_map(why_not_on_windows)
    }

    /// Returns the file extension in lower case.
    pub(crate) fn extension(&self) -> String {
        let file = self.name.rsplit('/').next().expect("a split has at least one part");
        file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
    }
}

/// Returns why a file or folder with this name is not possible on Windows, or `None` if it is.
fn why_not_on_windows(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().expect("a split has at least one part").trim_end();
    let is_device = match stem.as_bytes() {
        [_, _, _] => DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem)),
        [prefix @ .., b'0'..=b'9'] => prefix.eq_ignore_ascii_case(b"com") || prefix.eq_ignore_ascii_case(b"lpt"),
        _ => false,
    };
    if is_device {
        return Some("its name is a device name on Windows");
    }
    if part.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return Some("its name has a character that Windows does not allow");
    }
    if part.ends_with(['.', ' ']) && part.bytes().any(|byte| byte != b'.') {
        return Some("its name ends with a dot or a space, which Windows removes");
    }
    None
}

/// Returns whether the character changes the direction of the text after it.
fn is_bidi_control(letter: char) -> bool {
    matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the number of a compression method.
#[expect(deprecated, reason = "unsupported methods are only available as a number")]
fn number_of(method: CompressionMethod) -> u16 {
    match method {
        CompressionMethod::Stored => 0,
        CompressionMethod::Deflated => 8,
        CompressionMethod::Unsupported(number) => number,
        _ => u16::MAX,
    }
}

/// Returns the common name of a compression method.
fn method_name(number: u16) -> String {
    match number {
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        20 | 93 => "Zstandard",
        95 => "XZ",
        98 => "PPMd",
        99 => "AES encryption",
        other => return format!("method {other}"),
    }
    .to_owned()
}

fn kind(is_folder: bool, mode: Option<u32>) -> EntryKind {
    match mode.map(|mode| mode & 0o170_000) {
        Some(0o120_000) => EntryKind::Link,
        Some(0o020_000 | 0o060_000 | 0o010_000 | 0o140_000) => EntryKind::Special,
        _ if is_folder => EntryKind::Folder,
        _ => EntryKind::File,
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
            kind: EntryKind::File,
            is_encrypted: false,
            method: 8,
            encoding: Encoding::Utf8,
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
    fn a_name_that_does_not_work_everywhere_is_seen() {
        for name in [
            "CON.txt",
            "a/nul",
            "lib/com1.php",
            "a:b.txt",
            "a\\b",
            "a/b?.php",
            "a./b",
            "a ",
            "x\u{202e}gpj.php",
            "a\tb",
            "lpt9",
        ] {
            assert!(named(name).why_not_portable().is_some(), "{name:?}");
        }
        for name in ["etc/module.xml", "console.php", "a/com10.php", "Ünïcode.php", ".gitkeep", "a/..", "auxiliary.js"]
        {
            assert_eq!(named(name).why_not_portable(), None, "{name:?}");
        }
    }

    #[test]
    fn an_extension_is_of_the_file_and_not_of_its_folder() {
        assert_eq!(named("a.b/View.PHTML").extension(), "phtml");
        assert_eq!(named("a.b/LICENSE").extension(), "");
    }
}
