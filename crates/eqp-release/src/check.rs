//! Checks an archive before it is sent.

use std::path::PathBuf;
use std::sync::Arc;

use eqp_check::{Check, Report, Tools};
use eqp_client::Client;
use eqp_types::Package;
use tokio_util::sync::CancellationToken;

use crate::release::{is_live, versions};
use crate::selection::SelectedPackage;
use crate::task_error::{TaskError, run_cancellable};

/// The reason why a check failed. Violations of rules are part of the report instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The archive cannot be checked.
    #[error(transparent)]
    Check(#[from] eqp_check::Error),
    /// The task of the check was aborted.
    #[error("the check was aborted")]
    Aborted(#[source] TaskError),
}

/// The archive to check.
#[derive(Clone, Debug)]
pub enum CheckedArchive {
    /// A file.
    File(PathBuf),
    /// An archive that is not written yet.
    Built {
        /// Its name in the report.
        name: String,
        /// The SKU in its composer.json, which selects a package of a manifest.
        sku: Option<String>,
        /// The zip file.
        bytes: Arc<[u8]>,
    },
}

impl From<PathBuf> for CheckedArchive {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// Runs a check on a blocking thread. `signal` cancels it and the programs that it has started.
/// ```no_run
/// # async fn example() -> Result<(), eqp_release::CheckError> {
/// let signal = tokio_util::sync::CancellationToken::new();
/// let archive = eqp_release::CheckedArchive::File("badges-1.2.0.zip".into());
/// let report = eqp_release::run_check(eqp_check::Check::new(), archive, &signal).await?;
/// println!("{:?}", report.result());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`CheckError`] if the archive cannot be checked.
pub async fn run_check(
    check: Check,
    archive: impl Into<CheckedArchive>,
    signal: &CancellationToken,
) -> Result<Report, CheckError> {
    let archive = archive.into();
    let checked = run_cancellable(signal, move |cancellation| {
        let check = check.cancellation(cancellation.clone());
        match archive {
            CheckedArchive::File(path) => check.run(&path),
            CheckedArchive::Built { name, bytes, .. } => check.run_bytes(name, bytes),
        }
    });
    Ok(checked.await.map_err(CheckError::Aborted)??)
}

impl SelectedPackage {
    /// Checks the archive and the fields that are submitted with it. Returns `None` if there is no local archive.
    ///
    /// # Errors
    /// [`CheckError`] if the archive cannot be checked.
    pub async fn check(&self, tools: Tools, signal: &CancellationToken) -> Result<Option<Report>, CheckError> {
        let Some(archive) = self.archive.clone() else { return Ok(None) };
        let check = Check::new()
            .tracks(self.track.tracks())
            .listing(self.package.listing())
            .suppressions(self.suppressions.clone())
            .tools(tools);
        run_check(check, archive, signal).await.map(Some)
    }

    /// Returns whether an earlier version of the product is in the store, from which missing fields are taken.
    ///
    /// # Errors
    /// The [errors of every call](eqp_client::Error#errors-of-every-call).
    pub async fn has_earlier_version(&self, client: &Client) -> Result<bool, eqp_client::Error> {
        let Some(sku) = self.package.changes.sku.as_ref().or(self.archive_sku.as_ref()) else { return Ok(false) };
        let versions = versions(client, sku).await?;
        let version = self.package.changes.version.as_deref();
        let is_earlier = |package: &Package| {
            package.eqp_status.as_ref().is_some_and(is_live)
                && (version.is_none() || package.version.as_deref() != version)
        };
        Ok(versions.iter().any(is_earlier))
    }
}
