//! One entry of an archive's directory.

use zip::CompressionMethod;
use zip::read::OwnedZipFileEntry;

/// The flag of an entry whose name is UTF-8.
const NAME_IS_UTF8: u16 = 1 << 11;
/// Names that Windows gives to devices, whatever their extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// What the directory says of a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name; what is not UTF-8 in it is replaced.
    pub(crate) name: String,
    /// Its place among the archive's entries.
    pub(crate) index: usize,
    /// Its size, unpacked.
    pub(crate) bytes: u64,
    /// Its size in the archive.
    pub(crate) packed_bytes: u64,
    /// What it is.
    pub(crate) nature: Nature,
    /// Whether it is encrypted.
    pub(crate) is_encrypted: bool,
    /// The number that stands for how it is packed.
    pub(crate) method: u16,
    /// How its name is encoded.
    pub(crate) encoding: Encoding,
}

/// How a name is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As UTF-8.
    Utf8,
    /// In a code page that nobody names.
    Other,
    /// The archive says UTF-8, and it is not.
    FalseUtf8,
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
    /// The entry of a record of the directory.
    pub(super) fn of(record: &OwnedZipFileEntry, index: usize) -> Self {
        let raw = record.name_raw();
        let is_utf8 = std::str::from_utf8(raw).is_ok();
        let says_utf8 = record.flags().as_u16() & NAME_IS_UTF8 != 0;
        Self {
            name: String::from_utf8_lossy(raw).into_owned(),
            index,
            bytes: record.size(),
            packed_bytes: record.compressed_size(),
            nature: nature(record.is_dir(), record.unix_mode()),
            is_encrypted: record.encrypted(),
            method: number_of(record.compression()),
            encoding: match (is_utf8, says_utf8) {
                (true, _) => Encoding::Utf8,
                (false, false) => Encoding::Other,
                (false, true) => Encoding::FalseUtf8,
            },
        }
    }

    /// Whether it is packed in a way that every program knows.
    pub(crate) fn is_common(&self) -> bool {
        matches!(self.method, 0 | 8)
    }

    /// Whether it is a file that can be unpacked here.
    pub(crate) fn is_readable(&self) -> bool {
        self.nature == Nature::File && !self.is_encrypted && self.is_common()
    }

    /// Why neither we nor the store can read it, if so.
    pub(crate) fn why_unreadable(&self) -> Option<String> {
        if self.is_encrypted {
            return Some("it is encrypted".to_owned());
        }
        (!self.is_common()).then(|| format!("it is compressed with {}", method_name(self.method)))
    }

    /// Whether unpacking it could write outside the folder that it is unpacked to.
    pub(crate) fn escapes(&self) -> bool {
        let name = self.name.replace('\\', "/");
        let has_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
        name.starts_with('/') || has_drive || name.split('/').any(|part| part == "..") || name.contains('\0')
    }

    /// Why its name does not work everywhere, if so.
    pub(crate) fn why_not_portable(&self) -> Option<&'static str> {
        if self.encoding == Encoding::Other {
            return Some("its name is not UTF-8");
        }
        if self.name.contains('\\') {
            return Some("its name has \\ between folders: only Windows reads that as a folder");
        }
        if self.name.chars().any(char::is_control) {
            return Some("its name has a control character");
        }
        if self.name.chars().any(is_bidi_control) {
            return Some("its name has a bidirectional control character, which shows it as another name");
        }
        self.name.split('/').find_map(why_not_on_windows)
    }

    /// The end of its name, in lower case, after the last dot.
    pub(crate) fn extension(&self) -> String {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
    }
}

/// Why Windows cannot have a file or folder with this name, if so.
fn why_not_on_windows(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    let is_device = match stem.as_bytes() {
        [_, _, _] => DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem)),
        [prefix @ .., b'0'..=b'9'] => prefix.eq_ignore_ascii_case(b"com") || prefix.eq_ignore_ascii_case(b"lpt"),
        _ => false,
    };
    if is_device {
        return Some("its name is one of a device on Windows");
    }
    if part.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return Some("its name has a character that Windows does not allow");
    }
    if part.ends_with(['.', ' ']) && part.bytes().any(|byte| byte != b'.') {
        return Some("its name ends with a dot or a space, which Windows removes");
    }
    None
}

/// Characters that change the direction of what is shown after them.
fn is_bidi_control(letter: char) -> bool {
    matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The number of a way of packing.
#[expect(deprecated, reason = "what the crate does not unpack has no other name than its number")]
fn number_of(method: CompressionMethod) -> u16 {
    match method {
        CompressionMethod::Stored => 0,
        CompressionMethod::Deflated => 8,
        CompressionMethod::Unsupported(number) => number,
        _ => u16::MAX,
    }
}

/// What people call a way of packing.
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
