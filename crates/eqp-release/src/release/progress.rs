//! Events that a release reports to its caller.

use std::ops::ControlFlow;
use std::path::Path;

use eqp_types::{FileUploadId, MalwareStatus, SubmissionId};

use super::error::{Change, Error};
use super::target::Reviews;
use crate::dependencies::Dependency;
use crate::wait::Statuses;

/// An event during a release.
#[derive(Debug)]
pub enum Event<'a> {
    /// The Marketplace already has a file, so it is not uploaded again.
    FileFound {
        /// The name of the file, for messages.
        file: &'a str,
        /// The ID.
        id: &'a FileUploadId,
    },
    /// The submission exists. Reported after each observation.
    SubmissionKnown {
        /// The ID for a later wait: that of the submission, or of the archive.
        handle: Option<String>,
    },
    /// It cannot be decided whether the store has a package that the archive requires.
    DependencyUndecided(&'a Dependency),
    /// The release waits until the store has these packages, which the archive requires. Reported again after each change.
    WaitingForDependencies(&'a [Dependency]),
    /// A newer version is in the store.
    OlderVersion {
        /// The version to release.
        version: &'a str,
        /// The newest version in the store.
        in_store: &'a str,
    },
    /// An upload is about to start.
    Uploading {
        /// The number of files.
        files: usize,
        /// Their total size in bytes.
        bytes: u64,
    },
    /// A file was uploaded.
    Uploaded {
        /// The file.
        path: &'a Path,
        /// The ID.
        id: &'a FileUploadId,
    },
    /// The release waits for malware scans.
    WaitingForScans {
        /// The number of files.
        files: usize,
    },
    /// A malware scan has finished.
    Scanned {
        /// The name of the file, for messages.
        file: &'a str,
        /// The ID.
        id: &'a FileUploadId,
        /// The result of the scan.
        status: &'a MalwareStatus,
    },
    /// The checksum of an uploaded file shows that it differs from the local file.
    FileDiffers {
        /// The name of the file, for messages.
        file: &'a str,
    },
    /// A request was rejected because a scan is in progress. It is repeated after the scan.
    ScanRunning,
    /// The submission is about to be created.
    Creating {
        /// The name of the package, for messages.
        label: &'a str,
    },
    /// The submission was created.
    Created {
        /// The name of the package, for messages.
        label: &'a str,
        /// The ID of the submission.
        id: &'a SubmissionId,
    },
    /// The submission is about to be submitted.
    Submitting {
        /// The ID.
        id: &'a SubmissionId,
        /// The reviews.
        reviews: Reviews,
    },
    /// The submission was submitted.
    Submitted {
        /// The ID.
        id: &'a SubmissionId,
        /// The reviews.
        reviews: Reviews,
    },
    /// A submission is about to be recalled from review.
    Recalling {
        /// The ID.
        id: &'a SubmissionId,
        /// The reviews.
        reviews: Reviews,
    },
    /// The submission was recalled.
    Recalled {
        /// The ID.
        id: &'a SubmissionId,
        /// The reviews.
        reviews: Reviews,
    },
    /// It is unknown whether a change was made; the next observation shows it.
    Unconfirmed {
        /// The change.
        change: Change,
        /// The cause.
        error: &'a eqp_client::Error,
    },
    /// The release waits for a review.
    WaitingForReview {
        /// The submission.
        id: &'a SubmissionId,
    },
    /// The statuses of the submission have changed, or are known for the first time.
    StatusChanged(&'a Statuses),
    /// A request to the Marketplace failed and is retried.
    Unanswered(&'a eqp_client::Error),
    /// The test results of a rejected submission cannot be read.
    ResultsUnreadable(eqp_client::Error),
    /// The report of a tool cannot be read.
    ReportUnreadable {
        /// The tool.
        tool: &'a str,
        /// The cause.
        error: eqp_client::Error,
    },
}

/// Receives the events of a release.
pub trait Progress: Send {
    /// Receives an event. `Break` stops the release with [`Error::Stopped`].
    fn report(&mut self, event: Event<'_>) -> ControlFlow<()>;

    /// Returns a receiver for the progress of an upload. The default one ignores it.
    fn upload(&mut self, files: usize, bytes: u64) -> Box<dyn eqp_client::files::Progress> {
        let _ = (files, bytes);
        Box::new(|_: usize, _: u64, _: u64| {})
    }
}

/// Ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&mut self, _: Event<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Reports an event. Fails if the caller stops the release.
pub(super) fn report(progress: &mut dyn Progress, event: Event<'_>) -> Result<(), Error> {
    match progress.report(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped),
    }
}
