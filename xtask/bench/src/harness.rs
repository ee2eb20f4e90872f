//! The harness of a benchmark: its extent, a temporary folder, and a runtime for everything that is not measured.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::scale::Scale;

/// The harness, which is created for each benchmark.
pub(crate) struct Harness {
    pub(crate) scale: Scale,
    runtime: Runtime,
    folder: TempDir,
}

impl Harness {
    pub(crate) fn new(scale: Scale) -> Result<Self, Failure> {
        // Its tasks run only during waits, so that they do not compete with the measured programs.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { scale, runtime, folder: tempfile::Builder::new().prefix("eqp-bench-").tempdir()? })
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Returns the temporary folder, which is removed after the benchmark.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Returns a path in the target folder of cargo.
pub(crate) fn kept(name: &str) -> PathBuf {
    let built = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.to_owned()));
    built.unwrap_or_else(std::env::temp_dir).join("bench").join(name)
}
