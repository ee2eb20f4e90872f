//! Steering a running simulator from Rust; the control API offers the same to other languages.

use std::time::Duration;

use bytes::Bytes;
use eqp_types::{FileUploadId, Flow, SubmissionId};

use crate::Error;
use crate::fault::{FaultRule, FaultState};
use crate::market::{AccountIndex, Track};
use crate::review::Step;
use crate::simulator::Simulator;

impl Simulator {
    /// Takes the step that a review would take next, now.
    ///
    /// # Errors
    /// An unknown submission, a flow without reviews, a review that does not run or never ends.
    pub fn advance(&self, submission: &SubmissionId, flow: &Flow) -> Result<(), Error> {
        let track = track_of(flow)?;
        self.shared.change(|market| market.advance(submission, track))
    }

    /// Takes this step of a submission's review, now; the rest of the review goes on from there.
    ///
    /// # Errors
    /// An unknown submission, or a step that does not follow from where the review is.
    pub fn step(&self, submission: &SubmissionId, step: Step) -> Result<(), Error> {
        self.shared.change(|market| market.step_now(submission, step))
    }

    /// Ends the scan of a file, now.
    ///
    /// # Errors
    /// An unknown file.
    pub fn end_scan(&self, file: &FileUploadId, passed: bool) -> Result<(), Error> {
        self.shared.change(|market| market.end_scan_now(file, passed))
    }

    /// Sends any body to every registration of the first account; answers how many there are.
    pub fn send_callback(&self, event: &str, body: impl Into<Bytes>) -> usize {
        const FIRST: AccountIndex = 0;
        self.shared.change(|market| market.tell_as_is(FIRST, event, body.into(), None))
    }

    /// The same for one that is late by so much simulated time: it goes to the registrations there are now, with the
    /// credentials that they have now.
    pub fn send_late_callback(&self, event: &str, body: impl Into<Bytes>, by: Duration) -> usize {
        const FIRST: AccountIndex = 0;
        self.shared.change(|market| market.tell_late(FIRST, event, body.into(), by))
    }

    /// Ends every session token of every account, as a Marketplace that restarts might.
    pub fn end_sessions(&self) {
        self.shared.end_sessions();
    }

    /// Lets something go wrong with calls or callbacks from now on; answers the rule's id.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.shared.change(|market| market.faults.add(rule))
    }

    /// The rules in force, with how often each has struck.
    pub fn faults(&self) -> Vec<FaultState> {
        self.shared.market().faults.states().collect()
    }

    /// Takes every rule out of force, those of the script too.
    pub fn clear_faults(&self) {
        self.shared.change(|market| market.faults.clear());
    }

    /// Moves its clock forward: what is due until then happens now, each at its time.
    pub fn skip(&self, by: Duration) {
        self.shared.change(|market| {
            market.clock().skip(by);
            market.do_what_is_due();
        });
    }

    /// Forgets everything but the accounts and their access keys, faults that were added since the start included. Ids
    /// begin again, callbacks that wait are not sent, sessions end; the clock goes on.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

/// The review of a flow.
pub(crate) fn track_of(flow: &Flow) -> Result<Track, Error> {
    match flow {
        Flow::Technical => Ok(Track::Technical),
        Flow::Marketing => Ok(Track::Marketing),
        other => Err(Error::NotFound(format!("review called `{other}`"))),
    }
}
