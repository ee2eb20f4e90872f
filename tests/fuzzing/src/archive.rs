//! Target: an archive, as the check reads it.

use std::fs;

use eqp_check::{Check, CheckResult, format};

/// Checks the bytes as an archive.
///
/// # Panics
/// If the check fails on a readable file, or its report cannot be written.
pub fn archive(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("submission.zip");
    fs::write(&path, bytes).expect("there is room for a file");
    let report = Check::new().run(&path).expect("what is wrong with an archive is in its report");
    // phpcs does not run, so an archive that passes all other rules is reported as incomplete.
    assert!(
        report.is_blocked() || bytes.starts_with(b"PK") || bytes.windows(4).any(|window| window == b"PK\x05\x06"),
        "something that is no archive passes"
    );
    let json = format::json(&report);
    assert_eq!(json["passed"], report.result() == CheckResult::Passed);
    assert!(format::junit(&report, false).starts_with("<?xml"));
    let _ = (format::sarif(&report, None), format::github(&report, None));
    // An error must have a text.
    let _ = eqp_check::read_metadata(&path);
}
