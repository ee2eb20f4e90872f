//! A folder with an archive and its listing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use eqp_check::{Check, Listing, Report};
use eqp_test_support::submission::Submission;
use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder, removed on drop.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Writes bytes as the archive.
    pub(crate) fn archive(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("submission.zip");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Returns the changed listing of a submission.
    pub(crate) fn listing(&self, submission: &Submission, change: impl FnOnce(&mut Value)) -> Listing {
        let mut listing = submission.listing(self.folder.path()).unwrap();
        change(&mut listing);
        serde_json::from_value(listing).unwrap()
    }

    /// Checks a submission with its listing.
    pub(crate) fn check(&self, submission: &Submission) -> Report {
        let listing = self.listing(submission, |_| {});
        Check::new().listing(listing).run(&self.archive(&submission.bytes())).unwrap()
    }

    /// Checks bytes without a listing.
    pub(crate) fn check_bytes(&self, bytes: &[u8]) -> Report {
        Check::new().run(&self.archive(bytes)).unwrap()
    }
}

/// Returns the IDs of the violated rules.
pub(crate) fn broken(report: &Report) -> BTreeSet<&'static str> {
    report.findings.iter().map(|finding| finding.rule.id).collect()
}

/// Returns the locations of the violations of a rule.
pub(crate) fn locations(report: &Report, rule: &str) -> Vec<String> {
    report
        .findings
        .iter()
        .filter(|finding| finding.rule.id == rule)
        .map(|finding| finding.location.to_string())
        .collect()
}

/// Returns the reason why a rule did not run, or `None` if it ran.
pub(crate) fn not_run<'a>(report: &'a Report, rule: &str) -> Option<&'a str> {
    report.not_run.iter().find(|not_run| not_run.rule.id == rule).map(|not_run| not_run.reason.as_str())
}
