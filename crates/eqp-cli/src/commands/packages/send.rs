//! Sends packages, and again those that came before the malware scan of their files had ended.

use std::time::Duration;

use eqp_client::{Client, Error};
use eqp_types::{BatchItem, FileUploadId, Package};
use tokio::time::Instant;

use crate::commands::referred_files::referred_files;
use crate::commands::wait::Pauses;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// The longest pause between two looks at a scan: public release scripts look every 15 seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Sends `packages` by `send`, which answers an item for each, until none of them is refused only because a scan is running.
pub(super) async fn send(
    context: &Context,
    client: &Client,
    packages: &[Package],
    timeout: Duration,
    send: impl AsyncFn(&[Package]) -> Result<Vec<BatchItem>, Error>,
) -> Outcome<Vec<BatchItem>> {
    let deadline = Instant::now() + timeout;
    let mut pauses = Pauses::up_to(LONGEST_PAUSE);
    let mut items: Vec<Option<BatchItem>> = vec![None; packages.len()];
    loop {
        let open: Vec<usize> = (0..packages.len()).filter(|at| items[*at].is_none()).collect();
        if open.is_empty() {
            return Ok(items.into_iter().flatten().collect());
        }
        let wished: Vec<Package> = open.iter().map(|at| packages[*at].clone()).collect();
        match send(&wished).await {
            Ok(answered) => {
                for (at, item) in open.iter().zip(answered).filter(|(_, item)| !item.is_scan_in_progress()) {
                    items[*at] = Some(item);
                }
            }
            Err(error) if error.is_scan_in_progress() => {}
            Err(error) => return Err(error.into()),
        }
        let early: Vec<&Package> = open.iter().filter(|at| items[**at].is_none()).map(|at| &packages[*at]).collect();
        if early.is_empty() {
            continue;
        }
        context.output.note("the Marketplace still scans a file: what came too early is sent again after the scan");
        wait_for_scans(client, &early, &mut pauses, deadline).await?;
    }
}

/// Waits until the scans of these packages' files have ended, and once in any case: the Marketplace may know more than the
/// files' records show.
async fn wait_for_scans(client: &Client, packages: &[&Package], pauses: &mut Pauses, deadline: Instant) -> Outcome {
    let mut open = Vec::new();
    for package in packages {
        open.extend(files_of(client, package).await?);
    }
    loop {
        let pause = pauses.take();
        if Instant::now() + pause >= deadline {
            return Err(too_long(&open));
        }
        tokio::time::sleep(pause).await;
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

/// The files of a package: those that are sent, and those that it has already.
async fn files_of(client: &Client, package: &Package) -> Outcome<Vec<FileUploadId>> {
    let mut files = referred_files(package);
    if let Some(id) = &package.submission_id {
        let known = referred_files(&client.packages().get(id).await?);
        files.extend(known.into_iter().filter(|id| !files.contains(id)).collect::<Vec<_>>());
    }
    Ok(files)
}

fn too_long(open: &[FileUploadId]) -> Failure {
    let failure = Failure::new(Exit::TimedOut, "the malware scan has not ended, and something was not submitted");
    let failure = open.iter().fold(failure, |failure, id| failure.why(format!("{id} is still being scanned")));
    failure.next("run the same command again later, or wait longer with --timeout")
}
