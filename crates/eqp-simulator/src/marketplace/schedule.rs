//! Schedules scans, reviews and launches, and carries them out.
//!
//! Events are scheduled in simulated time. Due events are carried out in the order of their times and get the wall
//! clock time at which they were due, even if the machine was busy and is late: two runs with the same seed are the
//! same.

use std::cmp::Ordering;

use eqp_types::{
    Environment, Extra, Flow, MalwareScanComplete, MalwareStatus, MarketingStatus, TechnicalStatus, Timestamp,
    ToolRunId,
};

use super::Marketplace;
use super::completion::with_archive;
use super::state::{AccountIndex, Finding, PackageIndex, TestRunEntry, Track, automated};
use crate::callback_form;
use crate::clock::SimulatedTime;
use crate::fault::CallbackFacts;
use crate::review::{InvalidTransition, Step, step};
use crate::script::{Decision, Review};

/// A scheduled event with its time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: SimulatedTime,
    /// Orders events that are due at the same time.
    pub(crate) number: u64,
    pub(crate) account: AccountIndex,
    pub(crate) what: ScheduledEvent,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An event that is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScheduledEvent {
    /// The scan of a file ends.
    ScanEnds { file: u64, passed: bool },
    /// A review takes its next step, unless it was restarted or ended (another generation).
    ReviewMoves { package: PackageIndex, track: Track, generation: u64 },
    /// A package is released.
    Launch { package: PackageIndex },
    /// The Marketplace removes a package from the store.
    Removal { package: PackageIndex },
}

impl Marketplace {
    /// Schedules an event after a delay.
    pub(super) fn schedule(&mut self, length: std::time::Duration, account: AccountIndex, what: ScheduledEvent) {
        self.schedule_at(self.clock.elapsed().saturating_add(length), account, what);
    }

    pub(super) fn schedule_at(&mut self, at: SimulatedTime, account: AccountIndex, what: ScheduledEvent) {
        let number = self.next_number();
        self.due.push(std::cmp::Reverse(Due { at, number, account, what }));
    }

    /// Returns the time of the next event.
    pub(crate) fn next_due(&self) -> Option<SimulatedTime> {
        self.due.peek().map(|due| due.0.at)
    }

    /// Carries out all due events, and returns whether there were any.
    pub(crate) fn run_due(&mut self) -> bool {
        let now = self.clock.elapsed();
        let mut any = false;
        while self.due.peek().is_some_and(|due| due.0.at <= now) {
            let Some(std::cmp::Reverse(due)) = self.due.pop() else { break };
            self.happen(&due);
            any = true;
        }
        any
    }

    fn happen(&mut self, due: &Due) {
        let &Due { at, account, what, .. } = due;
        match what {
            ScheduledEvent::ScanEnds { file, passed } => self.end_scan(account, file, passed, at),
            ScheduledEvent::ReviewMoves { package, track, generation } => {
                if self.accounts[account].packages[package].round(track).generation == generation {
                    self.move_review(account, package, track, at);
                }
            }
            // If the package was cancelled in the meantime, the step is rejected, as it should be.
            ScheduledEvent::Launch { package } => drop(self.take_step(account, package, Step::Launched, at)),
            ScheduledEvent::Removal { package } => drop(self.take_step(account, package, Step::RemovedByAdmin, at)),
        }
    }

    /// Ends the scan of a file: sends the callback and continues the submissions that use the file.
    pub(crate) fn end_scan(&mut self, account: AccountIndex, file: u64, passed: bool, at: SimulatedTime) {
        let stamp = Timestamp::of(self.wall_time(at));
        let Some(entry) = self.accounts[account].files.get_mut(&file) else { return };
        if entry.malware_status != MalwareStatus::InProgress {
            return;
        }
        entry.malware_status = if passed { MalwareStatus::Pass } else { MalwareStatus::Fail };
        // The callback uses another spelling than the record.
        let tool_result = if passed { MalwareStatus::Passed } else { MalwareStatus::Failed };
        let packages: Vec<PackageIndex> = entry.packages.iter().copied().collect();
        let facts = CallbackFacts {
            event: "malware_scan_complete",
            flow: Flow::Malware,
            status: tool_result.to_string(),
            identifiers: vec![entry.id.to_string(), entry.file.filename.clone()],
        };
        let scan = MalwareScanComplete {
            file_upload_id: entry.id.clone(),
            tool_result,
            modified_at: Some(stamp),
            extra: Extra::new(),
        };
        self.notify(account, facts, stamp, |form, extra| callback_form::scan_complete(scan, form, extra));
        for package in packages {
            let owner = &self.accounts[account];
            let fields = with_archive(owner, owner.packages[package].fields.clone());
            self.accounts[account].packages[package].fields = fields;
            self.start_reviews(account, package, at);
        }
    }

    /// Starts the submitted reviews if all files are clean, or ends them if one is infected.
    pub(super) fn start_reviews(&mut self, account: AccountIndex, package: PackageIndex, at: SimulatedTime) {
        let owner = &self.accounts[account];
        let entry = &owner.packages[package];
        let mut clean = true;
        for id in super::field::file_ids(&entry.fields) {
            let Some(file) = owner.file(&id) else { continue };
            if file.malware_status.has_failed() {
                drop(self.take_step(account, package, Step::ScanFailed, at));
                return;
            }
            clean &= file.malware_status.has_passed();
        }
        if !clean {
            return;
        }
        for track in [Track::Technical, Track::Marketing] {
            let entry = &mut self.accounts[account].packages[package];
            let runs = match track {
                Track::Technical => entry.status.technical_runs(),
                Track::Marketing => entry.status.marketing_runs(),
            };
            if runs && !entry.round(track).started {
                entry.round_mut(track).started = true;
                self.schedule_review(account, package, track, at);
            }
        }
    }

    /// Schedules the next step of a review, if there is one.
    fn schedule_review(&mut self, account: AccountIndex, package: PackageIndex, track: Track, at: SimulatedTime) {
        let timing = &self.behaviour.script.timing;
        let entry = &self.accounts[account].packages[package];
        let length = match (track, &entry.status.technical, &entry.status.marketing) {
            (Track::Technical, TechnicalStatus::InAutomation, _) => timing.automation,
            (Track::Technical, TechnicalStatus::AwaitingManualQa, _) => timing.manual_qa_queue,
            (Track::Technical, TechnicalStatus::InManualQa, _) => timing.manual_qa,
            (Track::Marketing, _, MarketingStatus::AwaitingMarketingReview) => timing.marketing_queue,
            (Track::Marketing, _, MarketingStatus::InMarketingReview) => timing.marketing,
            _ => return,
        };
        let generation = entry.round(track).generation;
        let labels = [entry.submission_id.as_str(), &format!("{track:?} {generation}"), &entry.status.to_string()];
        let length = self.varied(length, &labels);
        self.schedule_at(
            at.saturating_add(length),
            account,
            ScheduledEvent::ReviewMoves { package, track, generation },
        );
    }

    /// Takes the next step of a review.
    fn move_review(&mut self, account: AccountIndex, package: PackageIndex, track: Track, at: SimulatedTime) {
        let Some(step) = self.next_step(account, package, track) else { return };
        if self.take_step(account, package, step, at).is_ok() {
            self.schedule_review(account, package, track, at);
        }
    }

    pub(super) fn script_of(&self, account: AccountIndex, package: PackageIndex) -> Review {
        let identifiers = self.accounts[account].packages[package].identifiers();
        self.behaviour.script.review_of(&identifiers.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the next step of a review. The official sandbox has no manual QA and reviews listings automatically.
    pub(crate) fn next_step(&self, account: AccountIndex, package: PackageIndex, track: Track) -> Option<Step> {
        let entry = &self.accounts[account].packages[package];
        let review = self.script_of(account, package);
        let by_people = self.behaviour.environment == Environment::Production;
        let planned = entry.round(track).planned.as_ref().map(Finding::decision);
        let technical = || planned.unwrap_or_else(|| review.technical_decision(entry.technical.attempt));
        let marketing = || planned.unwrap_or_else(|| review.marketing_decision(entry.marketing.attempt));
        match track {
            Track::Technical => match (&entry.status.technical, technical()) {
                (TechnicalStatus::InAutomation, _) if by_people => Some(Step::TechnicalQueued),
                (TechnicalStatus::AwaitingManualQa, _) => Some(Step::TechnicalStarted),
                (TechnicalStatus::InAutomation | TechnicalStatus::InManualQa, Decision::Approve) => {
                    Some(Step::TechnicalApproved)
                }
                (TechnicalStatus::InAutomation | TechnicalStatus::InManualQa, Decision::Reject) => {
                    Some(Step::TechnicalRejected)
                }
                _ => None,
            },
            Track::Marketing => match (&entry.status.marketing, marketing()) {
                (MarketingStatus::AwaitingMarketingReview, _) if by_people => Some(Step::MarketingStarted),
                (MarketingStatus::AwaitingMarketingReview | MarketingStatus::InMarketingReview, Decision::Approve) => {
                    Some(Step::MarketingApproved)
                }
                (MarketingStatus::AwaitingMarketingReview | MarketingStatus::InMarketingReview, Decision::Reject) => {
                    Some(Step::MarketingRejected)
                }
                _ => None,
            },
        }
    }

    /// Takes a step of the Marketplace and sends the callbacks.
    pub(crate) fn take_step(
        &mut self,
        account: AccountIndex,
        package: PackageIndex,
        step: Step,
        at: SimulatedTime,
    ) -> Result<(), InvalidTransition> {
        let next = step::take(&self.accounts[account].packages[package].status, step)?;
        self.record_test_runs(account, package, step, at);
        self.set_status(account, package, &next, at);
        Ok(())
    }

    /// Records the results of the tools or reviewers that this step represents.
    fn record_test_runs(&mut self, account: AccountIndex, package: PackageIndex, step: Step, at: SimulatedTime) {
        let entry = &mut self.accounts[account].packages[package];
        let in_automation = entry.status.technical == TechnicalStatus::InAutomation;
        let (track, passed) = match step {
            Step::TechnicalQueued | Step::TechnicalApproved => (Track::Technical, true),
            Step::TechnicalRejected => (Track::Technical, false),
            Step::MarketingApproved => (Track::Marketing, true),
            Step::MarketingRejected => (Track::Marketing, false),
            _ => return,
        };
        let finding =
            match step {
                Step::TechnicalQueued => Finding::passed(),
                _ => entry.round_mut(track).planned.take().filter(|planned| planned.passed == passed).unwrap_or_else(
                    || {
                        if passed { Finding::passed() } else { Finding::failed() }
                    },
                ),
            };
        let runs = match track {
            Track::Technical if in_automation => {
                finding.by_tools(&automated(self.behaviour.environment).collect::<Vec<_>>(), "phpcs")
            }
            Track::Technical => finding.by_tools(&[], "manual_qa"),
            Track::Marketing => finding.by_tools(&[], "marketing"),
        };
        let date = Timestamp::of(self.wall_time(at));
        for (tool, finding) in runs {
            // A decimal number is always a valid ID.
            let Ok(id) = ToolRunId::new(self.next_number().to_string()) else { continue };
            self.accounts[account].packages[package].test_runs.push(TestRunEntry { id, tool, finding, date });
        }
    }
}
