//! Steering from outside: steps taken at once.

use eqp_types::{FileUploadId, SubmissionId};

use super::Market;
use super::account::{AccountIndex, PackageIndex};
use super::package::Track;
use crate::Error;
use crate::review::{Refusal, Step};

impl Market {
    /// Takes the step that a review would take next.
    pub(crate) fn advance(&mut self, submission: &SubmissionId, track: Track) -> Result<(), Error> {
        let (account, package) = self.find(submission)?;
        let status = &self.accounts[account].packages[package].status;
        let at_rest = Refusal::Action { flow: "review", action: "advance", status: status.to_string() };
        let step = self.next_step(account, package, track).ok_or(at_rest)?;
        self.step_now(submission, step)
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
        let (account, number) = found.ok_or_else(|| Error::NotFound(file.to_string()))?;
        self.end_scan(account, number, passed, at);
        Ok(())
    }

    fn find(&self, submission: &SubmissionId) -> Result<(AccountIndex, PackageIndex), Error> {
        let found = self.accounts.iter().enumerate().find_map(|(account, owner)| {
            owner.by_submission.get(submission.as_str()).map(|package| (account, *package))
        });
        found.ok_or_else(|| Error::NotFound(submission.to_string()))
    }
}
