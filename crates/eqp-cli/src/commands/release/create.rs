//! Makes the submission, as a draft.

use eqp_types::BatchItem;
use serde_json::json;

use super::located::ids;
use super::wait_scan::Again;
use super::{Run, Waited, refused};
use crate::failure::{Exit, Failure, Outcome};

impl Run<'_> {
    /// Creates it. An answer that is lost is looked for by the client; where somebody else was faster theirs is taken up.
    pub(super) async fn create(&mut self) -> Outcome<Waited> {
        let mut package = self.wanted.package.package(&ids(&self.files))?;
        if package.sku.is_none() && self.versions > 0 {
            // Needed where an earlier version exists.
            package.sku.clone_from(&self.wanted.sku_of_archive);
        }
        self.progress.begins("create", &format!("creating {}", self.wanted.label))?;
        let items = self.client.packages().create(std::slice::from_ref(&package)).await?;
        match items.into_iter().next() {
            Some(BatchItem { submission_id: Some(id), code: Some(200), .. }) => {
                let text = format!("created {} as {id}", self.wanted.label);
                self.progress.done("create", &text, json!({"submission_id": id}))?;
                Ok(Waited::Ended)
            }
            Some(item) if item.is_scan_in_progress() => Ok(match self.wait_to_send_again().await? {
                Again::Send | Again::Look => Waited::Ended,
                Again::TimeIsOver => Waited::TimeIsOver,
            }),
            Some(item) => match self.look().await?.submission {
                Some(_) => Ok(Waited::Ended),
                None => Err(refused(&self.wanted.label, "created", &item)),
            },
            None => Err(Failure::new(Exit::Failed, "the Marketplace did not say what became of the submission")
                .next("run the same command again: it looks first")),
        }
    }
}
