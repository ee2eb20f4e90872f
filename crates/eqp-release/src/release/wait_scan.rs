//! Waits for malware scans.

use super::error::Error;
use super::observed_state::FilesState;
use super::progress::{Event, report};
use super::remote_file::combined_state;
use super::{Run, WaitEnd};
use crate::wait::is_transient;

/// The next step after a request was rejected because a scan was in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Send the request again.
    Send,
    /// Observe the state first, because a file has changed.
    Observe,
    /// The wait timed out.
    TimedOut,
}

impl Run<'_> {
    /// Waits after the Marketplace has reported a scan in progress. Always waits for at least one interval, because the scan may concern a file
    /// that this run does not know, or the file records may be outdated.
    pub(super) async fn wait_to_send_again(&mut self) -> Result<Retry, Error> {
        self.report(Event::ScanRunning)?;
        if self.release.files.iter().any(|one| !one.is_scan_finished()) {
            if self.wait_for_scans().await? == WaitEnd::TimedOut {
                return Ok(Retry::TimedOut);
            }
            if matches!(combined_state(&self.release.files), FilesState::Infected | FilesState::Missing) {
                return Ok(Retry::Observe);
            }
        }
        Ok(if self.poller.next(&[]).await { Retry::Send } else { Retry::TimedOut })
    }

    /// Waits until all scans have finished, or one has failed, because the submission would be rejected then.
    pub(super) async fn wait_for_scans(&mut self) -> Result<WaitEnd, Error> {
        let count = self.release.files.len();
        self.report(Event::WaitingForScans { files: count })?;
        let mut is_reported = false;
        loop {
            let mut last_error = None;
            for at in 0..count {
                let Some(id) =
                    self.release.files[at].id().filter(|_| !self.release.files[at].is_scan_finished()).cloned()
                else {
                    continue;
                };
                match self.release.client.files().get(&id).await {
                    Ok(record) => {
                        self.release.files[at].update(record);
                        if self.release.files[at].is_scan_finished() {
                            self.report_scan(at)?;
                        }
                    }
                    Err(error) if is_transient(&error) => last_error = Some(error),
                    Err(error) => return Err(error.into()),
                }
            }
            let has_failed = combined_state(&self.release.files) == FilesState::Infected;
            if has_failed || self.release.files.iter().all(super::remote_file::RemoteFile::is_scan_finished) {
                return Ok(WaitEnd::Finished);
            }
            if let Some(error) = last_error.as_ref().filter(|_| !is_reported) {
                self.report(Event::Unanswered(error))?;
            }
            is_reported = last_error.is_some();
            let open = self.release.files.iter().filter(|one| !one.is_scan_finished()).filter_map(|one| one.id());
            let resource_ids: Vec<&str> = open.map(eqp_types::FileUploadId::as_str).collect();
            if !self.poller.next(&resource_ids).await {
                return match last_error {
                    Some(error) => Err(error.into()),
                    None => Ok(WaitEnd::TimedOut),
                };
            }
        }
    }

    fn report_scan(&mut self, at: usize) -> Result<(), Error> {
        let one = &self.release.files[at];
        let name = one.name();
        let event = match &one.record {
            None => Event::FileDiffers { file: &name },
            Some(record) => {
                let Some(status) = &record.malware_status else { return Ok(()) };
                Event::Scanned { file: &name, id: &record.file.file_upload_id, status }
            }
        };
        report(self.progress, event)
    }
}
