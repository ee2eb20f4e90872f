//! Tests unusual archives: each has a clear finding, and none makes the reader panic, hang or exhaust the memory.

use std::io::{Cursor, Write};

use eqp_test_support::submission::Submission;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::fixture::{Fixture, broken, locations, not_run};

/// The signature of an entry of a zip directory.
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// Returns an archive of these files.
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

/// Returns a submission with this number of incompressible bytes.
pub(crate) fn stored(submission: &Submission, bytes: usize) -> Vec<u8> {
    to_bytes(submission, |archive| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        archive.start_file("view/film.bin", options).unwrap();
        archive.write_all(&vec![0; bytes]).unwrap();
    })
}

/// Returns the module with an additional file, whose name zip writers do not allow.
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

/// Returns an archive with a name that is flagged as UTF-8 but is not valid UTF-8.
pub(crate) fn falsely_utf8() -> Vec<u8> {
    let bytes = Submission::module().file("Model/Munze.php", "<?php\n").bytes();
    let bytes = changed(bytes, b"Model/Munze.php", 8, &(1_u16 << 11).to_le_bytes());
    replaced(bytes, b"Model/Munze.php", b"Model/M\xfcnze.php")
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

pub(crate) fn replaced(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes;
    let locations: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(at, _)| at).collect();
    assert_eq!(locations.len(), 2, "a name is in the file's own head and in the directory");
    for at in locations {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Changes a field of a file's entry in the directory.
pub(crate) fn changed(bytes: Vec<u8>, name: &[u8], field: usize, value: &[u8]) -> Vec<u8> {
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

/// Returns the remedy for a rule in a report.
fn remedies<'a>(report: &'a eqp_check::Report, rule: &str) -> Vec<&'a str> {
    report.findings.iter().filter(|finding| finding.rule.id == rule).map(|finding| finding.remedy).collect()
}

#[test]
fn what_to_do_fits_what_was_found() {
    let composer = br#"{"name": "acme/badges", "version": "1.0.0"}"#;
    let inner = zip(&[("composer.json", composer)]);
    for (bytes, rule, told) in [
        (b"\x1f\x8b\x08\0".to_vec(), "archive-is-zip", "as a zip"),
        (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "archive-is-zip", "git lfs pull"),
        (b"<!DOCTYPE html>".to_vec(), "archive-is-zip", "correct URL"),
        (b"PK\x03\x04".to_vec(), "archive-is-zip", "copied completely"),
        (zip(&[("badges.zip", &inner)]), "composer-present", "archive inside"),
        (zip(&[("badges\\composer.json", composer)]), "composer-present", "/ as separator"),
        (zip(&[("install.yaml", b"a: 1")]), "composer-present", "App Builder"),
        (zip(&[("a/b/composer.json", composer)]), "composer-present", "folder that contains composer.json"),
        (zip(&[("a/composer.json", composer), ("b/composer.json", composer)]), "top-folder", "each package"),
        (zip(&[("a/x", b""), ("b/y", b"")]), "top-folder", "one folder"),
    ] {
        let report = Fixture::new().check_bytes(&bytes);
        let remedies = remedies(&report, rule);
        assert!(remedies.iter().any(|remedy| remedy.contains(told)), "{told}: {:?}", report.findings);
        // Every format contains it.
        for form in [
            eqp_check::format::sarif(&report, None).to_string(),
            eqp_check::format::github(&report, None),
            eqp_check::format::junit(&report, false),
        ] {
            assert!(form.contains(told), "{told}: {form}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_without_words_of_libraries() {
    let whole = Submission::module().bytes();
    for bytes in [&whole[..whole.len() / 2], b"PK\x03\x04", &flipped()[..]] {
        let report = Fixture::new().check_bytes(bytes);
        for finding in &report.findings {
            let said = &finding.message;
            assert!(!["Zip", "EOCD", "Error", "buffer"].iter().any(|word| said.contains(word)), "{said}");
        }
    }
}

#[test]
fn a_comment_in_a_line_of_several_megabytes_is_looked_at_to_its_end() {
    let line = |mark: &str| format!("<?php\n{mark} {} todo: x\n", "word ".repeat(500_000));
    for (mark, found) in [("//", 1), ("/*", 1), ("foo();", 0)] {
        let report = Fixture::new().check(&Submission::module().file("Model/Long.php", line(mark)));
        let lines: Vec<_> = locations(&report, "unfinished");
        assert_eq!(lines, vec!["Model/Long.php:2".to_owned(); found], "{mark}");
    }
}

#[test]
fn what_is_no_archive_is_a_finding_and_the_rest_did_not_run() {
    let whole = Submission::module().bytes();
    for bytes in
        [&b""[..], b"PK\x03\x04", b"Rar!\x1a\x07", &[0; 4096], &whole[..whole.len() / 2], &whole[..whole.len() - 4]]
    {
        let report = Fixture::new().check_bytes(bytes);
        assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-is-zip"]);
        assert!(report.is_blocked());
        for rule in ["composer-name", "vcs-files", "unfinished", "code-sniffer"] {
            assert_eq!(not_run(&report, rule), Some("the archive cannot be read"), "{rule}");
        }
    }
}

#[test]
fn a_folder_or_nothing_is_an_error_and_not_a_finding() {
    let fixture = Fixture::new();
    let check = eqp_check::Check::new();
    assert!(check.run(fixture.folder.path()).unwrap_err().to_string().ends_with("is not a file"));
    let none = check.run(&fixture.folder.path().join("none.zip")).unwrap_err();
    assert!(none.to_string().starts_with("cannot read"), "{none}");
}

#[test]
fn names_that_lead_out_are_named() {
    for name in [&b"../x"[..], b"/etc/passwd", b"a/../../x", b"C:/x", b"..\\..\\x"] {
        let report = Fixture::new().check_bytes(&with_name(name));
        assert_eq!(locations(&report, "name-escapes").len(), 1, "{name:?}");
        // The store's validator accepts such archives, which PHP build scripts create.
        assert!(!report.is_blocked());
    }
}

#[test]
fn a_name_that_is_not_utf8_is_shown_readably() {
    let report = Fixture::new().check_bytes(&with_name(b"Model/M\xfcnze.php"));
    assert_eq!(locations(&report, "name-portable"), ["Model/M\u{fffd}nze.php"]);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let report = Fixture::new().check_bytes(&bomb());
    assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-bomb"]);
    let reason = not_run(&report, "unfinished").unwrap();
    assert!(reason.contains("not unpacked"), "{reason}");
    assert!(not_run(&report, "archive-damaged").is_some());
    // Files that are small enough are still read, and the others are not counted as passed.
    assert!(not_run(&report, "composer-name").is_none() && not_run(&report, "module-xml").is_none());
    assert_eq!(report.result(), eqp_check::CheckResult::Incomplete);
}

#[test]
fn an_archive_that_promises_a_million_entries_is_not_opened() {
    // The ZIP64 end record before the end, with the number of entries at offset 32.
    let mut bytes = Submission::module().bytes();
    let end = bytes.len() - 22;
    let mut large = b"PK\x06\x06".to_vec();
    large.resize(56, 0);
    large[24..32].copy_from_slice(&1_000_000_u64.to_le_bytes());
    large[32..40].copy_from_slice(&1_000_000_u64.to_le_bytes());
    bytes.splice(end..end, large);
    let report = Fixture::new().check_bytes(&bytes);
    assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-bomb"]);
}

#[test]
fn a_file_that_unpacks_to_more_than_it_says_is_damaged() {
    let bytes = changed(Submission::module().bytes(), b"README.md", 24, &[3, 0, 0, 0]);
    assert_eq!(locations(&Fixture::new().check_bytes(&bytes), "archive-damaged"), ["README.md"]);
}

#[test]
fn what_could_not_be_unpacked_leaves_the_rules_of_contents_uncounted() {
    for bytes in [encrypted(), other_compression(), flipped()] {
        let report = Fixture::new().check_bytes(&bytes);
        assert_eq!(not_run(&report, "secret-text"), Some("files that could not be unpacked: 1"));
    }
}

#[test]
fn a_composer_json_of_many_megabytes_or_in_another_encoding_is_a_finding() {
    let composer =
        |content: &[u8]| Fixture::new().check_bytes(&Submission::module().file("composer.json", content).bytes());
    let large = format!("{{\"name\": \"{}\"}}", "a".repeat(2 * 1024 * 1024));
    assert_eq!(locations(&composer(large.as_bytes()), "composer-size"), ["composer.json"]);
    let utf16: Vec<u8> = "\u{feff}{\"name\": \"acme/x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(composer(&utf16).findings[0].message, "composer.json is in UTF-16");
    let report = composer(b"\xEF\xBB\xBF{}");
    assert_eq!(report.findings[0].message, "composer.json begins with a byte order mark");
    assert_eq!(not_run(&report, "composer-name"), Some("there is no readable composer.json"));
}

#[test]
fn two_composer_files_are_distinguished_by_their_paths() {
    let report = Fixture::new()
        .check_bytes(&Submission::module().file("Composer.json", "{}").file("lib/x/composer.json", "{}").bytes());
    assert_eq!(locations(&report, "composer-second"), ["Composer.json"]);
}

#[test]
fn a_folder_that_is_unwanted_is_named_once() {
    let mut submission = Submission::module().in_folder("acme/");
    for number in 0..50 {
        submission = submission.file(&format!(".git/objects/{number}"), "x");
    }
    assert_eq!(locations(&Fixture::new().check_bytes(&submission.bytes()), "vcs-files"), [".git"]);
}

#[test]
fn a_finding_names_file_and_line() {
    let late = format!("<?php\n{}// TODO\n{}// FIXME\n", "$a = 1;\n".repeat(200_000), "$b = 2;\n".repeat(10));
    let report =
        Fixture::new().check_bytes(&Submission::module().in_folder("acme/").file("Model/Late.php", late).bytes());
    assert_eq!(locations(&report, "unfinished"), ["Model/Late.php:200002"]);
    assert_eq!(report.findings[0].message, "2 comments mark unfinished work");
}

#[test]
fn of_two_files_with_one_name_both_have_to_be_right() {
    let good = Submission::module().bytes();
    let read = |name: &str| {
        let mut zip = zip::ZipArchive::new(Cursor::new(&good)).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut zip.by_name(name).unwrap(), &mut text).unwrap();
        text
    };
    let composer = read("composer.json");
    let doubled = |first: &str, last: &str| {
        let module = Submission::module().file("composer.json", first).file("composer.jsoX", last);
        replaced(module.bytes(), b"composer.jsoX", b"composer.json")
    };
    let bad = composer.replace("acme/module-badges", "badges");
    for (first, last, is_blocked) in [(&composer, &composer, false), (&bad, &composer, true), (&composer, &bad, true)] {
        let report = Fixture::new().check_bytes(&doubled(first, last));
        assert_eq!(report.is_blocked(), is_blocked, "{:#?}", report.findings);
        assert_eq!(locations(&report, "entry-twice"), ["composer.json"]);
    }
    // The code of both files is checked.
    let late = Submission::module().file("Model/A.php", "<?php\n").file("Model/B.php", "<?php\n// TODO\n");
    let report = Fixture::new().check_bytes(&replaced(late.bytes(), b"Model/B.php", b"Model/A.php"));
    assert_eq!(locations(&report, "unfinished"), ["Model/A.php:2"]);
}

#[test]
fn what_the_store_reads_and_cannot_unpack_is_refused() {
    for (name, rule) in
        [("composer.json", "composer-json"), ("registration.php", "registration"), ("etc/module.xml", "module-xml")]
    {
        for (method, word) in [(14_u8, "LZMA"), (9, "Deflate64"), (93, "Zstandard")] {
            let bytes = changed(Submission::module().bytes(), name.as_bytes(), 10, &[method, 0]);
            let report = Fixture::new().check_bytes(&bytes);
            let finding = report.findings.iter().find(|finding| finding.rule.id == rule).unwrap();
            assert!(report.is_blocked() && finding.message.contains(word), "{}", finding.message);
        }
    }
}

#[test]
fn bytes_before_the_zip_are_shown() {
    let bytes = [b"<br />\n<b>Warning</b>: x\n", &Submission::module().bytes()[..]].concat();
    let report = Fixture::new().check_bytes(&bytes);
    assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["archive-is-zip"]);
    assert!(report.is_blocked());
    assert_eq!(report.findings[0].message, "25 bytes precede the zip file (\"<br />\"), so PHP cannot read it");
}

#[test]
fn an_archive_that_holds_something_else_says_what() {
    let composer = |submission: Submission| submission.without("composer.json");
    let inner = Submission::module().bytes();
    let backslashes = {
        let names: Vec<_> = Submission::module().names().map(str::to_owned).collect();
        let mut bytes = Submission::module().in_folder("acme/").bytes();
        for name in names.iter().map(String::as_str).chain(["composer.json"]) {
            let name = format!("acme/{name}");
            bytes = replaced(bytes, name.as_bytes(), name.replace('/', "\\").as_bytes());
        }
        bytes
    };
    for (bytes, rule, message) in [
        (zip(&[("release/acme-1.0.0.zip", &inner[..])]), "composer-present", "another archive, release/acme-1.0.0.zip"),
        (
            zip(&[("a/composer.json", b"{}"), ("b/composer.json", b"{}")]),
            "top-folder",
            "several packages, such as a/ and b/",
        ),
        (
            zip(&[("x/a/composer.json", b"{}"), ("x/b/composer.json", b"{}")]),
            "composer-present",
            "several packages (x/a/composer.json, x/b/composer.json …)",
        ),
        (
            zip(&[("app/install.yaml", b"x"), ("app/package.json", b"{}")]),
            "composer-present",
            "does not support App Builder apps",
        ),
        (backslashes, "composer-present", "names have \\ as separator"),
        (composer(Submission::module()).bytes(), "composer-present", "there is no composer.json"),
    ] {
        let report = Fixture::new().check_bytes(&bytes);
        let finding = report.findings.iter().find(|finding| finding.rule.id == rule).unwrap();
        assert!(finding.message.contains(message), "{}", finding.message);
        assert!(report.is_blocked());
    }
}

#[test]
fn a_field_of_the_wrong_type_is_not_called_missing() {
    for (field, value, message) in [
        ("version", serde_json::json!(1.2), "the version is the number 1.2, not a string; put it in quotes"),
        ("name", serde_json::json!(["acme"]), "the name is a list, not a string"),
        ("type", serde_json::json!(true), "the type is true or false, not a string"),
    ] {
        let module = Submission::module().composer(|composer| composer[field] = value);
        let report = Fixture::new().check_bytes(&module.bytes());
        assert_eq!(report.findings[0].message, message);
    }
}

#[test]
fn leftovers_are_named() {
    let names = [
        "vendor/acme/x.php",
        "view/web/node_modules/x.js",
        "composer.lock",
        ".github/workflows/a.yml",
        ".travis.yml",
        "phpunit.xml.dist",
        "Makefile",
        "dump.sql",
        "pub/error_log",
        "Model/A.php.orig",
        "Model/B.php~",
        "Model/.C.php.swp",
        "auth.json",
    ];
    let mut module = Submission::module().file("view/web/js/vendor/lib.js", "x");
    for name in names {
        module = module.file(name, "{\"http-basic\": {\"a\": {\"password\": \"<private-key>\"}}}");
    }
    let report = Fixture::new().check_bytes(&module.bytes());
    assert_eq!(locations(&report, "clutter").len(), names.len(), "{:#?}", report.findings);
    assert!(!report.is_blocked());
    assert_eq!(broken(&report).into_iter().collect::<Vec<_>>(), ["clutter"]);
}

#[test]
fn names_that_windows_does_not_have_or_that_mislead_are_named() {
    let module = Submission::module()
        .file("Model/CON.txt", "x")
        .file("Model/a:b.txt", "x")
        .file("Model/badge.PHP", "<?php\n")
        .file("Model/x\u{202e}php.txt", "x");
    let report = Fixture::new().check_bytes(&module.bytes());
    assert_eq!(locations(&report, "name-portable").len(), 4, "{:#?}", report.findings);
    assert!(!report.is_blocked());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Changes, removes and inserts bytes at random: there is always a report, in which every rule is counted once.
    #[test]
    fn a_mutated_archive_always_has_a_report(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in prop::option::of(any::<prop::sample::Index>()),
        insert in prop::option::of((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..64))),
        in_directory in any::<bool>(),
    ) {
        let mut bytes = Submission::module().bytes();
        // Most changes are in the directory at the end, where they have the largest effect.
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
        let report = Fixture::new().check_bytes(&bytes);
        let counts = report.counts;
        prop_assert_eq!(counts.rules, counts.ran + counts.not_run + counts.store_only);
    }
}
