//! Tests that large files in an archive are checked with little memory. It is a separate process, because its memory is
//! measured.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs::File;
use std::io::Write;
use std::path::Path;

use eqp_check::{Check, Report};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MEGABYTE: usize = 1024 * 1024;
/// Far larger than any composer.json, and compressed to a hundredth.
const MEGABYTES: usize = 50;
/// The memory that the check may add to a process. The tool should need at most 40 MB in total.
const MOST_ADDED: u64 = 8 * 1024 * 1024;

/// Writes an archive with a composer.json of 50 MB on one line, without having all of it in memory.
fn with_large_composer(path: &Path) {
    let mut archive = ZipWriter::new(File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_level(Some(1));
    archive.start_file("composer.json", options).unwrap();
    archive.write_all(b"{\"name\": \"").unwrap();
    let chunk = vec![b'a'; MEGABYTE];
    for _ in 0..MEGABYTES {
        archive.write_all(&chunk).unwrap();
    }
    archive.write_all(b"\"}").unwrap();
    archive.start_file("registration.php", options).unwrap();
    archive.write_all(b"<?php\n// TODO\n").unwrap();
    archive.finish().unwrap();
}

/// Returns the peak resident memory in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn locations(report: &Report, rule: &str) -> Vec<String> {
    report
        .findings
        .iter()
        .filter(|finding| finding.rule.id == rule)
        .map(|finding| finding.location.to_string())
        .collect()
}

#[test]
fn a_composer_json_of_50_mb_is_a_finding_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("submission.zip");
    with_large_composer(&path);
    let before = peak();
    let report = Check::new().run(&path).unwrap();
    let added = peak() - before;
    assert!(added <= MOST_ADDED, "{added} bytes");
    assert_eq!(locations(&report, "composer-size"), ["composer.json"]);
    assert_eq!(locations(&report, "archive-damaged"), Vec::<String>::new());
    // The other files are still checked.
    assert_eq!(locations(&report, "unfinished"), ["registration.php:2"]);
    // Creating a manifest or a release reads the file too.
    let before = peak();
    let error = eqp_check::read_metadata(&path).unwrap_err().to_string();
    assert!(error.contains("larger than 1 MiB"), "{error}");
    assert!(peak() - before <= MOST_ADDED);
}
