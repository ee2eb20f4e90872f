//! Brings the submission up to date and submits it, in one request.

use eqp_types::{BatchItem, Package, SubmissionId};
use serde_json::json;

use super::goal::Reviews;
use super::located::ids;
use super::wait_scan::Again;
use super::{Run, Waited, refused};
use crate::failure::{Exit, Failure, Outcome};

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It is done.
    Done,
    /// Nobody knows; the next look shows it.
    Unclear,
    /// The malware scan of a file has not ended, and nothing was done.
    TooEarly,
}

impl Run<'_> {
    /// Submits it for `reviews`.
    pub(super) async fn submit(&mut self, reviews: Reviews) -> Outcome<Waited> {
        let id = self.submission_id()?;
        let package = Package {
            submission_id: Some(id.clone()),
            action: Some(reviews.ask("submit")),
            ..self.wanted.package.package(&ids(&self.files))?
        };
        loop {
            self.progress.begins("submit", &format!("submitting {id} for {reviews}"))?;
            match self.change(package.clone(), "submitted").await? {
                Change::Done => {
                    self.submitted = true;
                    let text = format!("submitted {id} for {reviews}");
                    let facts = json!({"submission_id": id, "reviews": reviews.ask("submit")});
                    self.progress.done("submit", &text, facts)?;
                    return Ok(Waited::Ended);
                }
                Change::Unclear => return Ok(Waited::Ended),
                Change::TooEarly => match self.wait_to_send_again().await? {
                    Again::Send => {}
                    Again::Look => return Ok(Waited::Ended),
                    Again::TimeIsOver => return Ok(Waited::TimeIsOver),
                },
            }
        }
    }

    /// Takes this version back.
    pub(super) async fn recall_this(&mut self, reviews: Reviews) -> Outcome {
        let id = self.submission_id()?;
        self.recall(&id, reviews).await
    }

    /// Takes a version back from the reviews that run.
    pub(super) async fn recall(&mut self, id: &SubmissionId, reviews: Reviews) -> Outcome {
        let action = Some(reviews.ask("recall"));
        let package = Package { submission_id: Some(id.clone()), action, ..Package::default() };
        self.progress.begins("recall", &format!("taking {id} back from {reviews}"))?;
        if self.change(package, "taken back").await? == Change::Done {
            let text = format!("took {id} back from {reviews}");
            self.progress.done("recall", &text, json!({"submission_id": id}))?;
        }
        Ok(())
    }

    /// Takes other versions back.
    pub(super) async fn recall_others(&mut self, others: &[SubmissionId]) -> Outcome {
        for id in others {
            let status = self.client.packages().get(id).await?.eqp_status.unwrap_or_default();
            let reviews = super::stage::running(&status);
            if !reviews.is_empty() {
                self.recall(id, reviews).await?;
            }
        }
        Ok(())
    }

    /// Sends a change.
    async fn change(&mut self, package: Package, done: &str) -> Outcome<Change> {
        match self.client.packages().update(std::slice::from_ref(&package)).await {
            Ok(items) => match items.first() {
                Some(item) if BatchItem::is_success(item) => Ok(Change::Done),
                Some(item) if BatchItem::is_scan_in_progress(item) => Ok(Change::TooEarly),
                Some(item) => Err(refused(&self.wanted.label, done, item)),
                None => Err(Failure::new(Exit::Failed, "the Marketplace did not say what became of it")),
            },
            Err(error) if error.is_scan_in_progress() => Ok(Change::TooEarly),
            Err(error) if error.outcome_is_unknown() => {
                self.progress.note(&format!("whether it was {done} is unclear, looking: {error}"));
                Ok(Change::Unclear)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn submission_id(&self) -> Outcome<SubmissionId> {
        let known = self.submission.as_ref().and_then(|package| package.submission_id.clone());
        known.ok_or_else(|| Failure::new(Exit::Failed, "the Marketplace shows the submission without its id"))
    }
}
