//! The error type of tools.

use std::path::PathBuf;

use crate::task_error::TaskError;

/// The reason why a tool cannot be installed or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The folder of the tools cannot be used.
    #[error("cannot use the folder {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file has another SHA-256 than expected.
    #[error("{} has the SHA-256 {found}, not {expected}", path.display())]
    Checksum {
        /// The archive, or the folder that Composer has filled.
        path: PathBuf,
        /// The expected checksum.
        expected: String,
        /// The actual checksum.
        found: String,
    },
    /// An archive cannot be unpacked safely.
    #[error("{} was not unpacked: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Composer failed.
    #[error("Composer did not install the code sniffer: {reason}")]
    Composer {
        /// The last line of its output, or why it did not run.
        reason: String,
    },
    /// The installed files are not a code sniffer.
    #[error("the files are not an installed Magento coding standard: {reason}")]
    Layout {
        /// The missing file.
        reason: String,
    },
    /// The installed code sniffer does not run.
    #[error("the code sniffer does not run: {reason}")]
    DoesNotRun {
        /// The reason.
        reason: String,
    },
    /// An installation was changed, or is incomplete.
    #[error("the code sniffer in {} was changed or is incomplete: {reason}", folder.display())]
    Damaged {
        /// The folder of the tool.
        folder: PathBuf,
        /// The difference.
        reason: String,
    },
    /// PHP cannot be used.
    #[error("cannot use the PHP {}: {reason}", program.display())]
    Php {
        /// The program.
        program: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file cannot be read, or the work was cancelled.
    #[error(transparent)]
    Check(#[from] eqp_check::Error),
    /// The task was aborted.
    #[error("the task was aborted")]
    Aborted(#[source] TaskError),
}
