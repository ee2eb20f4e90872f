//! Checks a file before its zip directory is read: recognises files that are not zip archives, such as error pages or other archive
//! formats, and limits the number of entries.

use std::io::{self, Read, Seek, SeekFrom};

use memchr::memmem;
use zip::result::ZipError;

use super::shared_file::SharedFile;

/// The size of the beginning of the file that is examined, in bytes.
const START_BYTES: u64 = 64 * 1024;
/// The beginnings of a zip file: the first file, or the end record of an empty archive.
const ZIP_BEGINS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// The offset of the format name in a tar archive.
const TAR_MAGIC_AT: usize = 257;

/// The description of a file that cannot be read as a zip archive.
#[derive(Debug)]
pub(crate) struct NotZip {
    /// The description, which follows "the archive cannot be read:".
    pub(crate) what: String,
    /// The remedy, if that of the rule does not fit.
    pub(crate) remedy: Option<&'static str>,
}

const AS_ZIP: &str = "Create it as a zip file: composer archive --format=zip.";
const FETCH_AGAIN: &str =
    "Check the content of the file, and download the archive again with the correct URL and credentials.";

/// Returns a description of the file if it does not begin like a zip file.
pub(super) fn of(file: &mut SharedFile, bytes: u64) -> io::Result<Option<NotZip>> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(START_BYTES).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(name(&start, bytes))
}

/// Describes a file that begins like a zip file but cannot be read as one.
pub(super) fn from_zip_error(error: &ZipError) -> NotZip {
    let reason = describe(error);
    NotZip {
        what: format!("it begins like a zip file but cannot be read completely ({reason}); it may be truncated"),
        remedy: None,
    }
}

/// Describes an error of the zip library in plain terms.
pub(super) fn describe(error: &ZipError) -> String {
    match error {
        ZipError::Io(error) => describe_io(error),
        ZipError::InvalidArchive(_) => "its directory is missing or damaged".to_owned(),
        ZipError::UnsupportedArchive(what) => format!("it uses an unsupported feature: {what}"),
        ZipError::FileNotFound => "a file in its directory is missing".to_owned(),
        other => other.to_string(),
    }
}

/// Describes an error that occurred while a file was unpacked in plain terms.
pub(super) fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        _ if error.to_string() == "Invalid checksum" => "its checksum is wrong".to_owned(),
        io::ErrorKind::UnexpectedEof => "it is truncated".to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "its data is damaged".to_owned(),
        _ => error.to_string(),
    }
}

fn name(start: &[u8], bytes: u64) -> Option<NotZip> {
    if ZIP_BEGINS.iter().any(|begins| start.starts_with(begins)) {
        return None;
    }
    let text = start.trim_ascii_start();
    let begins = |prefixes: &[&str]| {
        prefixes
            .iter()
            .any(|prefix| text.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes())))
    };
    let first_file = memmem::find(start, ZIP_BEGINS[0]);
    let plain = |what: &str, remedy| (what.to_owned(), Some(remedy));
    let (what, remedy) = match start {
        [] => plain(
            "it is empty",
            "Create or download it again. The disk may have been full, or a download may have failed.",
        ),
        _ if start.starts_with(b"version https://git-lfs.github.com/spec/") => plain(
            "it is a Git LFS pointer, not the file itself",
            "Fetch the file with git lfs pull, and check it again.",
        ),
        [0x1f, 0x8b, ..] => plain("it is a gzip file, such as a tar.gz; the store only accepts zip files", AS_ZIP),
        _ if start.get(TAR_MAGIC_AT..TAR_MAGIC_AT + 5) == Some(b"ustar") => {
            plain("it is a tar archive; the store only accepts zip files", AS_ZIP)
        }
        _ if start.starts_with(b"BZh") => plain("it is a bzip2 file; the store only accepts zip files", AS_ZIP),
        _ if start.starts_with(b"\xFD7zXZ\0") => plain("it is an xz file; the store only accepts zip files", AS_ZIP),
        _ if start.starts_with(b"7z\xBC\xAF\x27\x1C") => {
            plain("it is a 7z archive; the store only accepts zip files", AS_ZIP)
        }
        _ if start.starts_with(b"Rar!\x1a\x07") => {
            plain("it is a RAR archive; the store only accepts zip files", AS_ZIP)
        }
        _ if start.starts_with(b"%PDF-") => {
            plain("it is a PDF document", "Specify the archive of the package. Documents belong in the manifest.")
        }
        _ if begins(&["<!doctype html", "<html"]) => plain(
            "it is an HTML page, possibly an error or a login page that was saved instead of the archive",
            FETCH_AGAIN,
        ),
        _ if first_file.is_some() => {
            let before = first_file.expect("the guard checks this");
            let what =
                format!("{before} bytes precede the zip file{}, so PHP cannot read it", quoted(&start[..before]));
            (
                what,
                Some(
                    "Create it again so that only the zip file is written, without other output such as PHP warnings.",
                ),
            )
        }
        [b'P', b'K', ..] => ("it begins with PK, but not like a zip file".to_owned(), None),
        _ if begins(&["{", "["]) && serde_json::from_slice::<serde::de::IgnoredAny>(start).is_ok() => {
            plain("it is JSON, possibly an error that was saved instead of the archive", FETCH_AGAIN)
        }
        _ if bytes <= START_BYTES && start.iter().all(|byte| *byte == 0) => {
            ("it contains only zero bytes".to_owned(), None)
        }
        _ if !start.contains(&0) && std::str::from_utf8(start).is_ok() => {
            let remedy = "Read the text, and create or download the archive again.";
            (format!("it is a text file{}", quoted(start)), Some(remedy))
        }
        _ => ("it does not begin like a zip file".to_owned(), None),
    };
    Some(NotZip { what, remedy })
}

/// Returns the beginning of the first line if the bytes are text, which often describes the problem.
fn quoted(bytes: &[u8]) -> String {
    const MAX_CHARACTERS: usize = 60;
    let Ok(text) = std::str::from_utf8(bytes) else { return String::new() };
    let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty()) else { return String::new() };
    let quote: String = line.chars().filter(|letter| !letter.is_control()).take(MAX_CHARACTERS).collect();
    let more = if line.chars().count() > MAX_CHARACTERS { "…" } else { "" };
    format!(" (\"{quote}{more}\")")
}

/// The maximum size of the end record with its comment and of the ZIP64 records before it.
const TAIL_BYTES: u64 = 22 + 65_535 + 20 + 56 + 1024;
/// The signature of the ZIP64 end record, and the offset of its number of entries.
const LARGE_END: (&[u8], usize) = (b"PK\x06\x06", 32);

/// Returns the number of entries that the ZIP64 end record declares, or 0 if there is none: without it, an archive has at most 65,535
/// entries. It is read before the directory, because a directory of a million entries could exhaust the memory.
pub(super) fn declared_entries(file: &mut SharedFile) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(end.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let (mark, count_at) = LARGE_END;
    let declared = memmem::find_iter(&tail, mark).filter_map(|at| {
        let count = tail.get(at + count_at..at + count_at + 8)?;
        count.try_into().ok().map(u64::from_le_bytes)
    });
    Ok(declared.max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_a_zip_is_named_as_what_it_is() {
        let tar = [&[b'a'; TAR_MAGIC_AT][..], b"ustar\0"].concat();
        let cases: [(&[u8], &str, &str); 13] = [
            (b"", "it is empty", "download it again"),
            (b"\n<!DOCTYPE html><html>", "HTML page", "correct URL"),
            (b"<HTML>", "HTML page", "correct URL"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer", "git lfs pull"),
            (b"\x1f\x8b\x08\0", "gzip file, such as a tar.gz", "--format=zip"),
            (&tar, "tar archive", "--format=zip"),
            (b"Rar!\x1a\x07\x01", "RAR archive", "--format=zip"),
            (b"%PDF-1.7", "PDF document", "in the manifest"),
            (b"{\"message\": \"no\"}", "JSON", "correct URL"),
            (
                b"PHP Warning: x in y\nPK\x03\x04",
                "20 bytes precede the zip file (\"PHP Warning: x in y\")",
                "only the zip file is written",
            ),
            (b"not a zip", "a text file (\"not a zip\")", "Read the text"),
            (b"PK but not really", "not like a zip file", ""),
            (b"\x01\x02\xff\0", "does not begin", ""),
        ];
        for (bytes, what, remedy) in cases {
            let named = name(bytes, bytes.len() as u64).unwrap();
            assert!(named.what.contains(what), "{named:?}");
            assert!(named.remedy.map_or(remedy.is_empty(), |told| told.contains(remedy)), "{named:?}");
        }
        assert!(name(b"PK\x03\x04", 4).is_none());
        assert!(name(b"PK\x05\x06", 4).is_none());
    }

    #[test]
    fn errors_of_the_zip_library_are_reported_in_plain_words() {
        let broken = ZipError::InvalidArchive("Could not find EOCD".into());
        assert_eq!(describe(&broken), "its directory is missing or damaged");
        let package_path = ZipError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer"));
        assert_eq!(describe(&package_path), "it is truncated");
    }
}
