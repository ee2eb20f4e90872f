//! Changes submissions: creates, updates, submits and recalls them.

use eqp_types::{BatchItem, PackageDraft, PackageUpdate, ReviewAction, SubmissionId};

use super::error::{Change, Error};
use super::progress::Event;
use super::remote_file::upload_ids;
use super::target::Reviews;
use super::wait_scan::Retry;
use super::{Run, WaitEnd};

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeResult {
    /// The change was made.
    Done,
    /// It is unknown whether the change was made; the next observation shows it.
    Unconfirmed,
    /// The malware scan of a file has not finished, so nothing was changed.
    ScanRunning,
}

impl Run<'_> {
    /// Creates the submission as a draft. The client handles a lost response. If another program has created the submission in the meantime,
    /// that one is used.
    pub(super) async fn create(&mut self) -> Result<WaitEnd, Error> {
        let mut package = self.release.selected.package.package(&upload_ids(&self.release.files))?.changes;
        if package.sku.is_none() && self.release.versions > 0 {
            // Required if there is an earlier version.
            package.sku.clone_from(&self.release.selected.archive_sku);
        }
        let label = self.release.selected.label.clone();
        self.report(Event::Creating { label: &label })?;
        let items = self.release.client.packages().create(std::slice::from_ref(&package)).await?;
        match items.into_iter().next() {
            Some(BatchItem { submission_id: Some(id), code: Some(200), .. }) => {
                self.report(Event::Created { label: &label, id: &id })?;
                Ok(WaitEnd::Finished)
            }
            Some(item) if item.is_scan_in_progress() => Ok(match self.wait_to_send_again().await? {
                Retry::Send | Retry::Observe => WaitEnd::Finished,
                Retry::TimedOut => WaitEnd::TimedOut,
            }),
            Some(item) => match self.release.observe_state().await?.submission {
                Some(_) => Ok(WaitEnd::Finished),
                None => Err(self.release.rejected(Change::Create, &item)),
            },
            None => Err(Error::NoAnswer { change: Change::Create }),
        }
    }

    /// Updates the submission and submits it for `reviews`, in one request.
    pub(super) async fn submit(&mut self, reviews: Reviews) -> Result<WaitEnd, Error> {
        let id = self.submission_id()?;
        let mut changes = self.release.selected.package.package(&upload_ids(&self.release.files))?.changes;
        changes.action = Some(reviews.ask(&ReviewAction::Submit));
        let package = PackageUpdate::new(id.clone(), changes);
        loop {
            self.report(Event::Submitting { id: &id, reviews })?;
            match self.change(package.clone(), Change::Submit).await? {
                ChangeResult::Done => {
                    self.release.submitted = true;
                    self.report(Event::Submitted { id: &id, reviews })?;
                    return Ok(WaitEnd::Finished);
                }
                ChangeResult::Unconfirmed => return Ok(WaitEnd::Finished),
                ChangeResult::ScanRunning => match self.wait_to_send_again().await? {
                    Retry::Send => {}
                    Retry::Observe => return Ok(WaitEnd::Finished),
                    Retry::TimedOut => return Ok(WaitEnd::TimedOut),
                },
            }
        }
    }

    /// Recalls this version.
    pub(super) async fn recall_this(&mut self, reviews: Reviews) -> Result<(), Error> {
        let id = self.submission_id()?;
        self.recall(&id, reviews).await
    }

    /// Recalls a version from `reviews`.
    pub(super) async fn recall(&mut self, id: &SubmissionId, reviews: Reviews) -> Result<(), Error> {
        let action = Some(reviews.ask(&ReviewAction::Recall));
        let package = PackageUpdate::new(id.clone(), PackageDraft { action, ..PackageDraft::default() });
        self.report(Event::Recalling { id, reviews })?;
        if self.change(package, Change::Recall).await? == ChangeResult::Done {
            self.report(Event::Recalled { id, reviews })?;
        }
        Ok(())
    }

    /// Recalls other versions from the reviews that are in progress.
    pub(super) async fn recall_others(&mut self, others: &[SubmissionId]) -> Result<(), Error> {
        for id in others {
            let status = self.release.client.packages().get(id).await?.eqp_status.unwrap_or_default();
            let reviews = super::phase::running_reviews(&status);
            if !reviews.is_empty() {
                self.recall(id, reviews).await?;
            }
        }
        Ok(())
    }

    /// Sends a change.
    async fn change(&mut self, package: PackageUpdate, change: Change) -> Result<ChangeResult, Error> {
        match self.release.client.packages().update(std::slice::from_ref(&package)).await {
            Ok(items) => match items.first() {
                Some(item) if BatchItem::is_success(item) => Ok(ChangeResult::Done),
                Some(item) if BatchItem::is_scan_in_progress(item) => Ok(ChangeResult::ScanRunning),
                Some(item) => Err(self.release.rejected(change, item)),
                None => Err(Error::NoAnswer { change }),
            },
            Err(error) if error.is_scan_in_progress() => Ok(ChangeResult::ScanRunning),
            Err(error) if error.outcome_is_unknown() => {
                self.report(Event::Unconfirmed { change, error: &error })?;
                Ok(ChangeResult::Unconfirmed)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn submission_id(&self) -> Result<SubmissionId, Error> {
        let submission = self.release.submission.as_ref().and_then(|package| package.submission_id.clone());
        submission.ok_or(Error::NoSubmissionId)
    }
}
