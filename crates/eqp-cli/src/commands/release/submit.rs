//! Brings the submission up to date and submits it, in one request.

use eqp_types::{BatchItem, Package, SubmissionId};
use serde_json::json;

use super::goal::Reviews;
use super::located::ids;
use super::{Run, refused};
use crate::failure::{Exit, Failure, Outcome};

impl Run<'_> {
    /// Submits it for `reviews`.
    pub(super) async fn submit(&mut self, reviews: Reviews) -> Outcome {
        let id = self.submission_id()?;
        let package = Package {
            submission_id: Some(id.clone()),
            action: Some(reviews.ask("submit")),
            ..self.wanted.package.package(&ids(&self.files))?
        };
        self.progress.begins("submit", &format!("submitting {id} for {reviews}"))?;
        if self.change(package, "submitted").await? {
            self.submitted = true;
            let text = format!("submitted {id} for {reviews}");
            self.progress.done("submit", &text, json!({"submission_id": id, "reviews": reviews.ask("submit")}))?;
        }
        Ok(())
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
        if self.change(package, "taken back").await? {
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

    /// Sends a change. Whether it is done; where that is unclear the next look tells.
    async fn change(&mut self, package: Package, done: &str) -> Outcome<bool> {
        match self.client.packages().update(std::slice::from_ref(&package)).await {
            Ok(items) => match items.first() {
                Some(item) if BatchItem::is_success(item) => Ok(true),
                Some(item) => Err(refused(&self.wanted.label, done, item)),
                None => Err(Failure::new(Exit::Failed, "the Marketplace did not say what became of it")),
            },
            Err(error) if error.outcome_is_unknown() => {
                self.progress.note(&format!("whether it was {done} is unclear, looking: {error}"));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn submission_id(&self) -> Outcome<SubmissionId> {
        let known = self.submission.as_ref().and_then(|package| package.submission_id.clone());
        known.ok_or_else(|| Failure::new(Exit::Failed, "the Marketplace shows the submission without its id"))
    }
}
