//! Waits until all files are scanned.

use serde_json::json;

use super::located::files_of;
use super::situation::Files;
use super::{Run, Waited};
use crate::failure::Outcome;
use crate::output::counted;

/// What to do once a request that came before the end of a scan may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Send it again.
    Send,
    /// Look first: a file is not what it was.
    Look,
    /// There is no time left.
    TimeIsOver,
}

impl Run<'_> {
    /// Waits after the Marketplace said that a scan is still running. It may mean a file that this run does not know of, or
    /// know more than the files' records show: so there is a pause in any case.
    pub(super) async fn wait_to_send_again(&mut self) -> Outcome<Again> {
        self.progress.note("the Marketplace still scans a file: this is sent again when the scan has ended");
        if self.files.iter().any(|one| !one.is_settled()) {
            if self.wait_for_scans().await? == Waited::TimeIsOver {
                return Ok(Again::TimeIsOver);
            }
            if matches!(files_of(&self.files), Files::Infected | Files::Missing) {
                return Ok(Again::Look);
            }
        }
        Ok(if self.pulse.next(&[]).await { Again::Send } else { Again::TimeIsOver })
    }

    /// Waits until each scan has ended. What is not clean ends it early: the submission would be rejected.
    pub(super) async fn wait_for_scans(&mut self) -> Outcome<Waited> {
        let count = self.files.len();
        self.progress.begins("scan", &format!("waiting for the malware scan of {}", counted(count, "file")))?;
        loop {
            let mut trouble = None;
            for at in 0..count {
                let Some(id) = self.files[at].id().filter(|_| !self.files[at].is_settled()).cloned() else { continue };
                match self.client.files().get(&id).await {
                    Ok(record) => {
                        self.files[at].heard(record);
                        if self.files[at].is_settled() {
                            self.tell_scan(at)?;
                        }
                    }
                    Err(error) if error.is_retryable() => trouble = Some(error),
                    Err(error) => return Err(error.into()),
                }
            }
            let has_failed = files_of(&self.files) == Files::Infected;
            if has_failed || self.files.iter().all(super::located::Located::is_settled) {
                return Ok(Waited::Ended);
            }
            if let Some(error) = &trouble {
                self.progress.note(&format!("the Marketplace does not answer, waiting on: {error}"));
            }
            let open = self.files.iter().filter(|one| !one.is_settled()).filter_map(|one| one.id());
            let subjects: Vec<&str> = open.map(eqp_types::FileUploadId::as_str).collect();
            if !self.pulse.next(&subjects).await {
                return match trouble {
                    Some(error) => Err(error.into()),
                    None => Ok(Waited::TimeIsOver),
                };
            }
        }
    }

    fn tell_scan(&mut self, at: usize) -> Outcome {
        let one = &self.files[at];
        let Some(record) = &one.record else {
            let text = format!("{} is another file than the one uploaded before", one.name());
            return self.progress.moved("scan", &text);
        };
        let Some(status) = &record.malware_status else { return Ok(()) };
        let text = format!("scan of {}: {status}", one.name());
        let facts = json!({"file_upload_id": record.file.file_upload_id, "malware_status": status});
        self.progress.done("scan", &text, facts)
    }
}
