//! Waits until all files are scanned.

use serde_json::json;

use super::{Run, Waited};
use crate::failure::Outcome;
use crate::output::counted;

impl Run<'_> {
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
            let has_failed = super::located::files_of(&self.files) == super::situation::Files::Infected;
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
