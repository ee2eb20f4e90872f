//! What a file is that should have been a zip: vendors upload what their build left, and "not a zip" helps nobody.

use std::io::{self, Read, Seek, SeekFrom};

use memchr::memmem;

use super::shared_file::SharedFile;

/// So much of a file's start is looked at.
const START_BYTES: u64 = 64 * 1024;
/// How a zip begins: with its first file, or with the end record of an empty one.
const ZIP_BEGINS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// Where a tar archive names its format.
const TAR_MARK_AT: usize = 257;

/// What the file is if it does not begin as a zip does.
pub(super) fn of(file: &mut SharedFile, bytes: u64) -> io::Result<Option<String>> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(START_BYTES).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(name(&start, bytes))
}

/// What is wrong with a file that begins as a zip does and cannot be read as one.
pub(super) fn of_broken_zip(error: &zip::result::ZipError) -> String {
    format!("it begins as a zip and cannot be read to its end ({error}): it may be cut short")
}

fn name(start: &[u8], bytes: u64) -> Option<String> {
    if ZIP_BEGINS.iter().any(|begins| start.starts_with(begins)) {
        return None;
    }
    let text = start.trim_ascii_start();
    let begins = |words: &[&str]| {
        words.iter().any(|word| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes())))
    };
    let first_file = memmem::find(start, ZIP_BEGINS[0]);
    let what = match start {
        [] => "it is empty".to_owned(),
        _ if start.starts_with(b"version https://git-lfs.github.com/spec/") => {
            "it is a Git LFS pointer, not the file it points at: fetch it with `git lfs pull`".to_owned()
        }
        [0x1f, 0x8b, ..] => "it is a gzip file, such as a tar.gz: the store takes zip only".to_owned(),
        _ if start.get(TAR_MARK_AT..TAR_MARK_AT + 5) == Some(b"ustar") => {
            "it is a tar archive: the store takes zip only".to_owned()
        }
        _ if start.starts_with(b"BZh") => "it is a bzip2 file: the store takes zip only".to_owned(),
        _ if start.starts_with(b"\xFD7zXZ\0") => "it is an xz file: the store takes zip only".to_owned(),
        _ if start.starts_with(b"7z\xBC\xAF\x27\x1C") => "it is a 7z archive: the store takes zip only".to_owned(),
        _ if start.starts_with(b"Rar!\x1a\x07") => "it is a RAR archive: the store takes zip only".to_owned(),
        _ if start.starts_with(b"%PDF-") => "it is a PDF document".to_owned(),
        _ if begins(&["<!doctype html", "<html"]) => {
            "it is an HTML page, perhaps an error or a login page that was saved in place of the archive".to_owned()
        }
        _ if first_file.is_some() => {
            let before = first_file.unwrap_or_default();
            format!("{before} bytes precede the zip{}: PHP does not read it as one", quoted(&start[..before]))
        }
        [b'P', b'K', ..] => "it begins with PK, but not as a zip does".to_owned(),
        _ if begins(&["{", "["]) && serde_json::from_slice::<serde::de::IgnoredAny>(start).is_ok() => {
            "it is JSON, perhaps an error that was saved in place of the archive".to_owned()
        }
        _ if bytes <= START_BYTES && start.iter().all(|byte| *byte == 0) => {
            "it holds nothing but zero bytes".to_owned()
        }
        _ if !start.contains(&0) && std::str::from_utf8(start).is_ok() => format!("it is a text{}", quoted(start)),
        _ => "it does not begin as a zip does".to_owned(),
    };
    Some(what)
}

/// The first line of what is text, shown as far as it fits: it mostly says what went wrong.
fn quoted(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    let Ok(text) = std::str::from_utf8(bytes) else { return String::new() };
    let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty()) else { return String::new() };
    let shown: String = line.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let more = if line.chars().count() > LONGEST { "…" } else { "" };
    format!(" (\"{shown}{more}\")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_a_zip_is_named_as_what_it_is() {
        let tar = [&[b'a'; TAR_MARK_AT][..], b"ustar\0"].concat();
        let cases: [(&[u8], &str); 13] = [
            (b"", "it is empty"),
            (b"\n<!DOCTYPE html><html>", "HTML page"),
            (b"<HTML>", "HTML page"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
            (b"\x1f\x8b\x08\0", "gzip file, such as a tar.gz"),
            (&tar, "tar archive"),
            (b"Rar!\x1a\x07\x01", "RAR archive"),
            (b"%PDF-1.7", "PDF document"),
            (b"{\"message\": \"no\"}", "JSON"),
            (b"PHP Warning: x in y\nPK\x03\x04", "20 bytes precede the zip (\"PHP Warning: x in y\")"),
            (b"not a zip", "a text (\"not a zip\")"),
            (b"PK but not really", "not as a zip does"),
            (b"\x01\x02\xff\0", "does not begin"),
        ];
        for (bytes, what) in cases {
            let named = name(bytes, bytes.len() as u64).unwrap();
            assert!(named.contains(what), "{named}");
        }
        assert_eq!(name(b"PK\x03\x04", 4), None);
        assert_eq!(name(b"PK\x05\x06", 4), None);
    }
}
