//! Control of a running simulator from Rust. The control API offers the same operations to other languages.

use std::time::Duration;

use bytes::Bytes;
use eqp_types::{FileUploadId, Flow, SubmissionId};

use crate::Error;
use crate::fault::{FaultRule, FaultState};
use crate::marketplace::{AccountIndex, Track};
use crate::review::Step;
use crate::simulator::Simulator;

impl Simulator {
    /// Takes the next step of a running review immediately.
    ///
    /// # Errors
    /// - [`Error::NotFound`] if the submission does not exist, or the flow is not a review
    /// - [`Error::Review`] if the review is not running, or never ends
    pub fn advance(&self, submission: &SubmissionId, flow: &Flow) -> Result<(), Error> {
        let track = track_of(flow)?;
        self.shared.change(|marketplace| marketplace.advance(submission, track))
    }

    /// Takes a given step of a submission's review immediately; the review continues from there.
    ///
    /// # Errors
    /// - [`Error::NotFound`] if the submission does not exist
    /// - [`Error::Review`] if the step does not follow from the current status
    pub fn step(&self, submission: &SubmissionId, step: Step) -> Result<(), Error> {
        self.shared.change(|marketplace| marketplace.step_now(submission, step))
    }

    /// Ends the malware scan of a file immediately.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the file does not exist.
    pub fn end_scan(&self, file: &FileUploadId, passed: bool) -> Result<(), Error> {
        self.shared.change(|marketplace| marketplace.end_scan_now(file, passed))
    }

    /// Sends any body to every registration of the first account, and returns their number.
    pub fn send_callback(&self, event: &str, body: impl Into<Bytes>) -> usize {
        const FIRST: AccountIndex = 0;
        self.shared.change(|marketplace| marketplace.send_raw(FIRST, event, body.into(), None))
    }

    /// Sends any body to every registration of the first account after a delay in simulated time, and returns their
    /// number.
    ///
    /// The registrations and their credentials are those at the time of this call, even if they change before the body
    /// is sent.
    pub fn send_late_callback(&self, event: &str, body: impl Into<Bytes>, by: Duration) -> usize {
        const FIRST: AccountIndex = 0;
        self.shared.change(|marketplace| marketplace.send_raw_late(FIRST, event, body.into(), by))
    }

    /// Ends all sessions of all accounts, as a restart of the Marketplace might.
    pub fn end_sessions(&self) {
        self.shared.end_sessions();
    }

    /// Adds a fault rule for calls or callbacks, and returns its ID.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use eqp_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().start().await?;
    /// simulator.add_fault("status=503 call=packages.create nth=1".parse()?);
    /// assert_eq!(simulator.faults().len(), 1);
    /// # Ok::<(), eqp_simulator::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.shared.change(|marketplace| marketplace.faults.add(rule))
    }

    /// Returns the active fault rules with their counters.
    pub fn faults(&self) -> Vec<FaultState> {
        self.shared.marketplace().faults.states().collect()
    }

    /// Removes every fault rule, including those of the script.
    pub fn clear_faults(&self) {
        self.shared.change(|marketplace| marketplace.faults.clear());
    }

    /// Moves the clock forward. Everything that is due until then happens immediately, with the timestamps it would
    /// have had.
    pub fn skip(&self, by: Duration) {
        self.shared.change(|marketplace| {
            marketplace.clock().skip(by);
            marketplace.run_due();
        });
    }

    /// Resets everything except the clock and the count of callbacks to the initial state. Accounts keep their access
    /// keys; sessions end, waiting callbacks are discarded, faults added since the start are removed, and IDs are
    /// counted from the beginning.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

/// Returns the review of a flow.
pub(crate) fn track_of(flow: &Flow) -> Result<Track, Error> {
    match flow {
        Flow::Technical => Ok(Track::Technical),
        Flow::Marketing => Ok(Track::Marketing),
        other => Err(Error::NotFound(format!("review called `{other}`"))),
    }
}
