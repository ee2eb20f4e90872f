//! Sends packages, and repeats requests that were rejected because a malware scan was in progress.

use std::time::Duration;

use eqp_client::{Client, Error};
use eqp_types::{BatchItem, FileUploadId, PackageUpdate};
use tokio::time::Instant;

use crate::referenced_files::referenced_files;
use crate::wait::PollingInterval;

/// The maximum polling interval. Public release scripts poll every 15 seconds.
const MAX_INTERVAL: Duration = Duration::from_secs(15);

/// The reason why packages were not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A request to the Marketplace failed.
    #[error(transparent)]
    Marketplace(#[from] Error),
    /// The malware scans did not finish within the timeout.
    #[error("timed out waiting for the malware scan")]
    StillScanning {
        /// The files that are still being scanned.
        files: Vec<FileUploadId>,
    },
}

/// Sends `packages` with `send`, which returns one item per package, and repeats those that were rejected only because a scan is in progress.
/// `too_early` is called before each wait.
///
/// # Errors
/// [`SendError::Marketplace`] if a request fails; [`SendError::StillScanning`] if the scans do not finish within `timeout`.
pub async fn send_when_scanned(
    client: &Client,
    packages: &[PackageUpdate],
    timeout: Duration,
    send: impl AsyncFn(&[PackageUpdate]) -> Result<Vec<BatchItem>, Error>,
    mut too_early: impl FnMut(),
) -> Result<Vec<BatchItem>, SendError> {
    let deadline = Instant::now() + timeout;
    let mut polling = PollingInterval::with_max(MAX_INTERVAL);
    let mut items: Vec<Option<BatchItem>> = vec![None; packages.len()];
    loop {
        let open: Vec<usize> = (0..packages.len()).filter(|at| items[*at].is_none()).collect();
        if open.is_empty() {
            return Ok(items.into_iter().flatten().collect());
        }
        let requests: Vec<PackageUpdate> = open.iter().map(|at| packages[*at].clone()).collect();
        match send(&requests).await {
            Ok(answered) => {
                for (at, item) in open.iter().zip(answered).filter(|(_, item)| !item.is_scan_in_progress()) {
                    items[*at] = Some(item);
                }
            }
            Err(error) if error.is_scan_in_progress() => {}
            Err(error) => return Err(error.into()),
        }
        let rejected: Vec<&PackageUpdate> =
            open.iter().filter(|at| items[**at].is_none()).map(|at| &packages[*at]).collect();
        if rejected.is_empty() {
            continue;
        }
        too_early();
        wait_for_scans(client, &rejected, &mut polling, deadline).await?;
    }
}

/// Waits until the scans of the files of these packages have finished. Always waits for at least one interval, because the file records may be
/// outdated.
async fn wait_for_scans(
    client: &Client,
    packages: &[&PackageUpdate],
    polling: &mut PollingInterval,
    deadline: Instant,
) -> Result<(), SendError> {
    let mut open = Vec::new();
    for package in packages {
        open.extend(files_of(client, package).await?);
    }
    loop {
        let delay = polling.next();
        if Instant::now() + delay >= deadline {
            return Err(SendError::StillScanning { files: open });
        }
        tokio::time::sleep(delay).await;
        let mut running = Vec::new();
        for id in open {
            match client.files().get(&id).await {
                Ok(record) => {
                    let has_ended =
                        record.malware_status.is_some_and(|status| status.has_passed() || status.has_failed());
                    running.extend((!has_ended).then_some(id));
                }
                Err(error) if error.is_retryable() => running.push(id),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if running.is_empty() {
            return Ok(());
        }
        open = running;
    }
}

/// Returns the files of a package: those in the request and those that the submission already has.
async fn files_of(client: &Client, package: &PackageUpdate) -> Result<Vec<FileUploadId>, Error> {
    let mut files = referenced_files(package);
    if let Some(id) = &package.submission_id {
        let known = referenced_files(&client.packages().get(id).await?);
        files.extend(known.into_iter().filter(|id| !files.contains(id)).collect::<Vec<_>>());
    }
    Ok(files)
}
