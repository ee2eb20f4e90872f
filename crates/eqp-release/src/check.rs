//! Checks an archive before it is sent.

use std::path::PathBuf;

use eqp_check::{Cancellation, Check, Report, Tools};
use eqp_client::Client;
use eqp_types::Package;
use tokio_util::sync::CancellationToken;

use crate::release::{is_live, versions};
use crate::selection::SelectedPackage;

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

/// The reason why a task ended early: it panicked, or the runtime was shut down.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TaskError(pub(crate) tokio::task::JoinError);

/// Runs a check on a blocking thread. `signal` cancels it and the programs that it has started.
/// ```no_run
/// # async fn example() -> Result<(), eqp_release::CheckError> {
/// let signal = tokio_util::sync::CancellationToken::new();
/// let report = eqp_release::run_check(eqp_check::Check::new(), "badges-1.2.0.zip".into(), &signal).await?;
/// println!("{:?}", report.result());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`CheckError`] if the archive cannot be checked.
pub async fn run_check(check: Check, archive: PathBuf, signal: &CancellationToken) -> Result<Report, CheckError> {
    let cancellation = Cancellation::default();
    let check = check.cancellation(cancellation.clone());
    let mut running = tokio::task::spawn_blocking(move || check.run(&archive));
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = signal.cancelled() => {
            cancellation.cancel();
            running.await
        }
    };
    Ok(ended.map_err(|error| CheckError::Aborted(TaskError(error)))??)
}

impl SelectedPackage {
    /// Checks the archive and the fields that are submitted with it. Returns `None` if there is no local archive.
    ///
    /// # Errors
    /// [`CheckError`] if the archive cannot be checked.
    pub async fn check(&self, tools: Option<Tools>, signal: &CancellationToken) -> Result<Option<Report>, CheckError> {
        let Some(archive) = self.archive.clone() else { return Ok(None) };
        let mut check = Check::new()
            .tracks(self.track.tracks())
            .listing(self.package.listing())
            .suppressions(self.suppressions.clone());
        if let Some(tools) = tools {
            check = check.tools(tools);
        }
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
