//! Archives that nobody should send: each has a clear finding, none makes the reader panic, hang or fill the memory.

use std::io::{Cursor, Write};

use eqp_test_support::submission::Submission;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::scene::{Scene, broken, not_run, places};

/// An entry of a zip's directory begins so.
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// An archive of these files.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn to_bytes(submission: &Submission, more: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut archive = ZipWriter::new_append(Cursor::new(submission.bytes())).unwrap();
    more(&mut archive);
    archive.finish().unwrap().into_inner()
}

/// A submission with so many bytes in it that do not shrink.
pub(crate) fn stored(submission: &Submission, bytes: usize) -> Vec<u8> {
    to_bytes(submission, |archive| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        archive.start_file("view/film.bin", options).unwrap();
        archive.write_all(&vec![0; bytes]).unwrap();
    })
}

/// The module with one file more, whose name no writer would write.
pub(crate) fn with_name(name: &[u8]) -> Vec<u8> {
    let placeholder = "n".repeat(name.len());
    replaced(Submission::module().file(&placeholder, "x").bytes(), placeholder.as_bytes(), name)
}

pub(crate) fn link() -> Vec<u8> {
    to_bytes(&Submission::module(), |archive| {
        archive.add_symlink("Model/link.php", "../../secret", SimpleFileOptions::default()).unwrap();
    })
}

pub(crate) fn twice() -> Vec<u8> {
    let bytes = Submission::module().file("Model/Badgf.php", "<?php\n").bytes();
    replaced(bytes, b"Model/Badgf.php", b"Model/Badge.php")
}

pub(crate) fn bomb() -> Vec<u8> {
    // Its directory says that it unpacks to 4 GiB.
    changed(Submission::module().bytes(), b"README.md", 24, &u32::to_le_bytes(u32::MAX - 1))
}

pub(crate) fn encrypted() -> Vec<u8> {
    changed(Submission::module().bytes(), b"README.md", 8, &[1, 0])
}

pub(crate) fn flipped() -> Vec<u8> {
    changed(Submission::module().bytes(), b"README.md", 16, &[0xde, 0xad, 0xbe, 0xef])
}

pub(crate) fn other_compression() -> Vec<u8> {
    changed(Submission::module().bytes(), b"README.md", 10, &[12, 0])
}

fn replaced(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes;
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2, "a name is in the file's own head and in the directory");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Changes a field of a file's entry in the directory.
fn changed(bytes: Vec<u8>, name: &[u8], field: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = bytes;
    let at = bytes
        .windows(DIRECTORY_ENTRY.len())
        .enumerate()
        .filter(|(_, window)| *window == DIRECTORY_ENTRY)
        .map(|(at, _)| at)
        .find(|at| bytes[at + 46..].starts_with(name))
        .unwrap();
    bytes[at + field..at + field + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn what_is_no_archive_is_a_finding_and_the_rest_did_not_run() {
    let whole = Submission::module().bytes();
    for bytes in
        [&b""[..], b"PK\x03\x04", b"Rar!\x1a\x07", &[0; 4096], &whole[..whole.len() / 2], &whole[..whole.len() - 4]]
    {
        let report = Scene::new().check_bytes(bytes);
        assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-is-zip"]);
        assert!(!report.passes());
        for rule in ["composer-name", "vcs-files", "unfinished", "code-sniffer"] {
            assert_eq!(not_run(&report, rule), Some("the archive cannot be read"), "{rule}");
        }
    }
}

#[test]
fn a_folder_or_nothing_is_an_error_and_not_a_finding() {
    let scene = Scene::new();
    let check = eqp_check::Check::new();
    assert!(check.run(scene.folder.path()).unwrap_err().to_string().ends_with("is not a file"));
    let none = check.run(&scene.folder.path().join("none.zip")).unwrap_err();
    assert!(none.to_string().starts_with("cannot read"), "{none}");
}

#[test]
fn names_that_lead_out_are_named() {
    for name in [&b"../x"[..], b"/etc/passwd", b"a/../../x", b"C:/x", b"..\\..\\x"] {
        let report = Scene::new().check_bytes(&with_name(name));
        assert_eq!(places(&report, "name-escapes").len(), 1, "{name:?}");
        assert!(!report.passes());
    }
}

#[test]
fn a_name_that_is_not_utf8_is_shown_readably() {
    let report = Scene::new().check_bytes(&with_name(b"Model/M\xfcnze.php"));
    assert_eq!(places(&report, "name-portable"), ["Model/M\u{fffd}nze.php"]);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let report = Scene::new().check_bytes(&bomb());
    assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-bomb"]);
    let why = not_run(&report, "unfinished").unwrap();
    assert!(why.contains("not unpacked"), "{why}");
    assert!(not_run(&report, "composer-name").is_some() && not_run(&report, "archive-damaged").is_some());
}

#[test]
fn an_archive_that_promises_a_million_entries_is_not_opened() {
    // The end record of the 64-bit form, with its number of entries at 32, before the end.
    let mut bytes = Submission::module().bytes();
    let end = bytes.len() - 22;
    let mut large = b"PK\x06\x06".to_vec();
    large.resize(56, 0);
    large[24..32].copy_from_slice(&1_000_000_u64.to_le_bytes());
    large[32..40].copy_from_slice(&1_000_000_u64.to_le_bytes());
    bytes.splice(end..end, large);
    let report = Scene::new().check_bytes(&bytes);
    assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-bomb"]);
}

#[test]
fn a_file_that_unpacks_to_more_than_it_says_is_damaged() {
    let bytes = changed(Submission::module().bytes(), b"README.md", 24, &[3, 0, 0, 0]);
    assert_eq!(places(&Scene::new().check_bytes(&bytes), "archive-damaged"), ["README.md"]);
}

#[test]
fn what_could_not_be_unpacked_leaves_the_rules_of_contents_uncounted() {
    for bytes in [encrypted(), other_compression(), flipped()] {
        let report = Scene::new().check_bytes(&bytes);
        assert_eq!(not_run(&report, "secret-text"), Some("1 files could not be unpacked here"));
    }
}

#[test]
fn a_composer_json_of_many_megabytes_or_in_another_encoding_is_a_finding() {
    let composer =
        |content: &[u8]| Scene::new().check_bytes(&Submission::module().file("composer.json", content).bytes());
    let large = format!("{{\"name\": \"{}\"}}", "a".repeat(2 * 1024 * 1024));
    assert_eq!(places(&composer(large.as_bytes()), "composer-size"), ["composer.json"]);
    let utf16: Vec<u8> = "\u{feff}{\"name\": \"acme/x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(composer(&utf16).findings[0].message, "composer.json is in UTF-16");
    let report = composer(b"\xEF\xBB\xBF{}");
    assert_eq!(report.findings[0].message, "composer.json begins with a byte order mark");
    assert_eq!(not_run(&report, "composer-name"), Some("there is no composer.json that can be read"));
}

#[test]
fn two_composer_files_are_told_apart_by_where_they_lie() {
    let report = Scene::new()
        .check_bytes(&Submission::module().file("Composer.json", "{}").file("lib/x/composer.json", "{}").bytes());
    assert_eq!(places(&report, "composer-second"), ["Composer.json"]);
}

#[test]
fn a_folder_that_is_unwanted_is_named_once() {
    let mut submission = Submission::module().in_folder("acme/");
    for number in 0..50 {
        submission = submission.file(&format!(".git/objects/{number}"), "x");
    }
    assert_eq!(places(&Scene::new().check_bytes(&submission.bytes()), "vcs-files"), [".git"]);
}

#[test]
fn a_finding_names_file_and_line() {
    let late = format!("<?php\n{}// TODO\n{}// FIXME\n", "$a = 1;\n".repeat(200_000), "$b = 2;\n".repeat(10));
    let report =
        Scene::new().check_bytes(&Submission::module().in_folder("acme/").file("Model/Late.php", late).bytes());
    assert_eq!(places(&report, "unfinished"), ["Model/Late.php:200002"]);
    assert_eq!(report.findings[0].message, "2 comments say that something is not done");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Bytes changed, cut and put in anywhere: there is always a report, in which every rule is counted once.
    #[test]
    fn a_mutated_archive_always_has_a_report(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in prop::option::of(any::<prop::sample::Index>()),
        insert in prop::option::of((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..64))),
        in_directory in any::<bool>(),
    ) {
        let mut bytes = Submission::module().bytes();
        // The directory lies at the end, and is where changes tell most.
        let from = if in_directory { bytes.len() * 2 / 3 } else { 0 };
        for (at, byte) in changes {
            let at = from + at.index(bytes.len() - from);
            bytes[at] = byte;
        }
        if let Some((at, more)) = insert {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let report = Scene::new().check_bytes(&bytes);
        let counts = report.counts;
        prop_assert_eq!(counts.rules, counts.ran + counts.not_run + counts.cannot_know);
    }
}
