//! Operations of the control API and of tests: steps, decisions and callbacks on request.

use eqp_types::{FileUploadId, SubmissionId};

use super::Marketplace;
use super::state::{AccountIndex, Finding, PackageIndex, Track};
use crate::Error;
use crate::review::{InvalidTransition, Step};
use crate::sender::Message;
use crate::sent::{Sent, SentKind};

impl Marketplace {
    /// Takes the next step of a review immediately.
    pub(crate) fn advance(&mut self, submission: &SubmissionId, track: Track) -> Result<(), Error> {
        let (account, package) = self.find(submission)?;
        let status = &self.accounts[account].packages[package].status;
        let at_rest = InvalidTransition::Action { flow: "review", action: "advance", status: status.to_string() };
        let step = self.next_step(account, package, track).ok_or(at_rest)?;
        self.step_now(submission, step)
    }

    /// Takes all remaining steps of a review immediately, and returns their number.
    pub(crate) fn advance_to_end(&mut self, submission: &SubmissionId, track: Track) -> Result<usize, Error> {
        self.advance(submission, track)?;
        let (account, package) = self.find(submission)?;
        let mut steps = 1;
        while let Some(step) = self.next_step(account, package, track) {
            self.step_now(submission, step)?;
            steps += 1;
        }
        Ok(steps)
    }

    /// Sets the result of the running or next review, regardless of the script.
    pub(crate) fn plan(&mut self, submission: &SubmissionId, track: Track, finding: Finding) -> Result<(), Error> {
        let (account, package) = self.find(submission)?;
        self.accounts[account].packages[package].round_mut(track).planned = Some(finding);
        Ok(())
    }

    /// Ends a review immediately.
    pub(crate) fn end_review(
        &mut self,
        submission: &SubmissionId,
        track: Track,
        finding: Finding,
    ) -> Result<(), Error> {
        let step = match (track, finding.passed) {
            (Track::Technical, true) => Step::TechnicalApproved,
            (Track::Technical, false) => Step::TechnicalRejected,
            (Track::Marketing, true) => Step::MarketingApproved,
            (Track::Marketing, false) => Step::MarketingRejected,
        };
        let (account, package) = self.find(submission)?;
        let before = self.accounts[account].packages[package].round_mut(track).planned.replace(finding);
        self.step_now(submission, step).inspect_err(|_| {
            self.accounts[account].packages[package].round_mut(track).planned = before;
        })
    }

    /// Sends a callback again to the registrations with its URL, and returns their number.
    pub(crate) fn resend(&mut self, sent: &Sent) -> Result<usize, Error> {
        let account = self.accounts.iter().position(|owner| owner.registrations.iter().any(|r| r.url == sent.url));
        let account = account.ok_or_else(|| Error::NotFound(format!("registration of {}", sent.url)))?;
        let message = Message {
            body: sent.body.clone(),
            event: sent.event.clone(),
            flow: sent.flow.clone(),
            status: sent.status.clone(),
            resource_id: sent.resource_id.clone(),
        };
        Ok(self.send_to(account, message, SentKind::Duplicate, Some(&sent.url)))
    }

    /// Takes a step immediately, and schedules the rest of that review again.
    pub(crate) fn step_now(&mut self, submission: &SubmissionId, step: Step) -> Result<(), Error> {
        let (account, package) = self.find(submission)?;
        let at = self.clock.elapsed();
        self.take_step(account, package, step, at)?;
        let moved = match step {
            Step::TechnicalQueued | Step::TechnicalStarted => Track::Technical,
            Step::MarketingStarted => Track::Marketing,
            _ => return Ok(()),
        };
        let round = self.accounts[account].packages[package].round_mut(moved);
        round.generation += 1;
        round.started = false;
        self.start_reviews(account, package, at);
        Ok(())
    }

    /// Ends the scan of a file immediately.
    pub(crate) fn end_scan_now(&mut self, file: &FileUploadId, passed: bool) -> Result<(), Error> {
        let at = self.clock.elapsed();
        let found = self
            .accounts
            .iter()
            .enumerate()
            .find_map(|(account, owner)| owner.file_numbers.get(file.as_str()).map(|number| (account, *number)));
        let (account, number) = found.ok_or_else(|| Error::NotFound(format!("file {file}")))?;
        self.end_scan(account, number, passed, at);
        Ok(())
    }

    pub(crate) fn find(&self, submission: &SubmissionId) -> Result<(AccountIndex, PackageIndex), Error> {
        let found = self.accounts.iter().enumerate().find_map(|(account, owner)| {
            owner.by_submission.get(submission.as_str()).map(|package| (account, *package))
        });
        found.ok_or_else(|| Error::NotFound(format!("submission {submission}")))
    }
}
