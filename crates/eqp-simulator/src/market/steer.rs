//! Steering from outside: steps taken at once.

use eqp_types::{FileUploadId, SubmissionId};

use super::account::{AccountIndex, PackageIndex};
use super::package::Track;
use super::{Finding, Market};
use crate::Error;
use crate::review::{Refusal, Step};
use crate::sender::Message;
use crate::sent::{Sent, SentKind};

impl Market {
    /// Takes the step that a review would take next.
    pub(crate) fn advance(&mut self, submission: &SubmissionId, track: Track) -> Result<(), Error> {
        let (account, package) = self.find(submission)?;
        let status = &self.accounts[account].packages[package].status;
        let at_rest = Refusal::Action { flow: "review", action: "advance", status: status.to_string() };
        let step = self.next_step(account, package, track).ok_or(at_rest)?;
        self.step_now(submission, step)
    }

    /// Takes all steps that are left of a review, now; answers how many there were.
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

    /// Says how a review ends, whatever the script says: the one that runs, else the next.
    pub(crate) fn plan(&mut self, submission: &SubmissionId, track: Track, finding: Finding) -> Result<(), Error> {
        let (account, package) = self.find(submission)?;
        self.accounts[account].packages[package].round_mut(track).planned = Some(finding);
        Ok(())
    }

    /// Ends a review, now.
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

    /// Sends a callback once more, to the URL that it went to; answers to how many registrations.
    pub(crate) fn send_again(&mut self, sent: &Sent) -> Result<usize, Error> {
        let account = self.accounts.iter().position(|owner| owner.registrations.iter().any(|r| r.url == sent.url));
        let account = account.ok_or_else(|| Error::NotFound(format!("registration of {}", sent.url)))?;
        let message = Message {
            body: sent.body.clone(),
            event: sent.event.clone(),
            flow: sent.flow.clone(),
            outcome: sent.outcome.clone(),
            subject: sent.subject.clone(),
        };
        Ok(self.tell_again(account, message, SentKind::Copy, Some(&sent.url)))
    }

    /// Takes a step; what was scheduled for that review is scheduled anew.
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

    /// Ends the scan of a file.
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
