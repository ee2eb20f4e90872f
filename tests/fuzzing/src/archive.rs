//! An archive as somebody submits it: hostile until it is read.

use std::fs;

use eqp_check::{Check, format};

/// Checks the bytes as an archive.
///
/// # Panics
/// The check fails though it can read the file, or its report cannot be written.
pub fn archive(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("submission.zip");
    fs::write(&path, bytes).expect("there is room for a file");
    let report = Check::new().run(&path).expect("what is wrong with an archive is in its report");
    assert!(
        report.is_refused() || bytes.starts_with(b"PK") || bytes.windows(4).any(|window| window == b"PK\x05\x06"),
        "something that is no archive passes"
    );
    let json = format::json(&report);
    assert_eq!(json["passes"], report.verdict() == eqp_check::Verdict::Passes);
    assert!(format::junit(&report, false).starts_with("<?xml"));
    let _ = (format::sarif(&report, None), format::github(&report, None));
    // Says why not, where it cannot.
    let _ = eqp_check::facts(&path);
}
