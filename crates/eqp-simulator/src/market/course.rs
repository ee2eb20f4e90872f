//! The review clock: what happens by itself, and when.
//!
//! Scans and reviews are scheduled in simulated time. What is due is done in the order of its time, and stamped with what the
//! wall clock showed then, also when the machine was busy and it is done late: a run with the same seed is the same run.

use std::cmp::Ordering;

use eqp_types::{
    Environment, Extra, Flow, MalwareScanComplete, MalwareStatus, MarketingStatus, TechnicalStatus, Timestamp,
    ToolRunId,
};

use super::Market;
use super::account::{AccountIndex, PackageIndex};
use super::archive::with_archive;
use super::package::Track;
use super::test_run::{Finding, TestRunEntry, automated};
use crate::callback_form;
use crate::clock::SimulatedTime;
use crate::review::{Refusal, Step, step};
use crate::script::{CallbackFacts, Review, Verdict};

/// Something that will happen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    at: SimulatedTime,
    /// Orders what is due at the same time.
    number: u64,
    account: AccountIndex,
    what: Happening,
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

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The scan of a file ends.
    ScanEnds { file: u64, passed: bool },
    /// A review goes a step further, if it is still the one that was meant.
    ReviewMoves { package: PackageIndex, track: Track, generation: u64 },
    /// The launch date comes.
    Launch { package: PackageIndex },
    /// The Marketplace takes a package out of the store.
    Removal { package: PackageIndex },
}

impl Market {
    /// Schedules something so long from now.
    pub(super) fn schedule(&mut self, length: std::time::Duration, account: AccountIndex, what: Happening) {
        self.schedule_at(self.clock.elapsed().saturating_add(length), account, what);
    }

    pub(super) fn schedule_at(&mut self, at: SimulatedTime, account: AccountIndex, what: Happening) {
        let number = self.next_number();
        self.due.push(std::cmp::Reverse(Due { at, number, account, what }));
    }

    /// When the next thing happens.
    pub(crate) fn next_due(&self) -> Option<SimulatedTime> {
        self.due.peek().map(|due| due.0.at)
    }

    /// Does everything that is due; answers whether there was anything.
    pub(crate) fn do_what_is_due(&mut self) -> bool {
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
            Happening::ScanEnds { file, passed } => self.end_scan(account, file, passed, at),
            Happening::ReviewMoves { package, track, generation } => {
                if self.accounts[account].packages[package].round(track).generation == generation {
                    self.move_review(account, package, track, at);
                }
            }
            // A package that was given up meanwhile refuses the step, which is what is meant.
            Happening::Launch { package } => drop(self.take_step(account, package, Step::Launched, at)),
            Happening::Removal { package } => drop(self.take_step(account, package, Step::RemovedByAdmin, at)),
        }
    }

    /// Ends the scan of a file: tells of it, and lets the submissions that hold it go on.
    pub(crate) fn end_scan(&mut self, account: AccountIndex, file: u64, passed: bool, at: SimulatedTime) {
        let stamp = Timestamp::of(self.moment(at));
        let Some(entry) = self.accounts[account].files.get_mut(&file) else { return };
        if entry.malware_status != MalwareStatus::InProgress {
            return;
        }
        entry.malware_status = if passed { MalwareStatus::Pass } else { MalwareStatus::Fail };
        // The record spells it otherwise than the callback.
        let tool_result = if passed { MalwareStatus::Passed } else { MalwareStatus::Failed };
        let packages: Vec<PackageIndex> = entry.packages.iter().copied().collect();
        let facts = CallbackFacts {
            event: "malware_scan_complete",
            flow: Flow::Malware,
            outcome: tool_result.to_string(),
            words: vec![entry.id.to_string(), entry.file.filename.clone()],
        };
        let scan = MalwareScanComplete {
            file_upload_id: entry.id.clone(),
            tool_result,
            modified_at: Some(stamp),
            extra: Extra::new(),
        };
        self.tell(account, facts, stamp, |form, extra| callback_form::scan_complete(scan, form, extra));
        for package in packages {
            let owner = &self.accounts[account];
            let fields = with_archive(owner, owner.packages[package].fields.clone());
            self.accounts[account].packages[package].fields = fields;
            self.start_reviews(account, package, at);
        }
    }

    /// Lets the submitted reviews begin once all files are clean, or ends them when one is not.
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
        let pace = &self.manners.script.pace;
        let entry = &self.accounts[account].packages[package];
        let length = match (track, &entry.status.technical, &entry.status.marketing) {
            (Track::Technical, TechnicalStatus::InAutomation, _) => pace.automation,
            (Track::Technical, TechnicalStatus::AwaitingManualQa, _) => pace.manual_qa_queue,
            (Track::Technical, TechnicalStatus::InManualQa, _) => pace.manual_qa,
            (Track::Marketing, _, MarketingStatus::AwaitingMarketingReview) => pace.marketing_queue,
            (Track::Marketing, _, MarketingStatus::InMarketingReview) => pace.marketing,
            _ => return,
        };
        let generation = entry.round(track).generation;
        let words = [entry.submission_id.as_str(), &format!("{track:?} {generation}"), &entry.status.to_string()];
        let length = self.varied(length, &words);
        self.schedule_at(at.saturating_add(length), account, Happening::ReviewMoves { package, track, generation });
    }

    /// Takes the step that the script has for a review.
    fn move_review(&mut self, account: AccountIndex, package: PackageIndex, track: Track, at: SimulatedTime) {
        let Some(step) = self.next_step(account, package, track) else { return };
        if self.take_step(account, package, step, at).is_ok() {
            self.schedule_review(account, package, track, at);
        }
    }

    pub(super) fn script_of(&self, account: AccountIndex, package: PackageIndex) -> Review {
        let words = self.accounts[account].packages[package].words();
        self.manners.script.review_of(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The next step of a review. The official sandbox has no manual QA and reads listings by itself.
    pub(crate) fn next_step(&self, account: AccountIndex, package: PackageIndex, track: Track) -> Option<Step> {
        let entry = &self.accounts[account].packages[package];
        let review = self.script_of(account, package);
        let by_people = self.manners.environment == Environment::Production;
        let planned = entry.round(track).planned.as_ref().map(Finding::verdict);
        let technical = || planned.unwrap_or_else(|| review.technical_verdict(entry.technical.attempt));
        let marketing = || planned.unwrap_or_else(|| review.marketing_verdict(entry.marketing.attempt));
        match track {
            Track::Technical => match (&entry.status.technical, technical()) {
                (TechnicalStatus::InAutomation, _) if by_people => Some(Step::TechnicalQueued),
                (TechnicalStatus::AwaitingManualQa, _) => Some(Step::TechnicalStarted),
                (TechnicalStatus::InAutomation | TechnicalStatus::InManualQa, Verdict::Approve) => {
                    Some(Step::TechnicalApproved)
                }
                (TechnicalStatus::InAutomation | TechnicalStatus::InManualQa, Verdict::Reject) => {
                    Some(Step::TechnicalRejected)
                }
                _ => None,
            },
            Track::Marketing => match (&entry.status.marketing, marketing()) {
                (MarketingStatus::AwaitingMarketingReview, _) if by_people => Some(Step::MarketingStarted),
                (MarketingStatus::AwaitingMarketingReview | MarketingStatus::InMarketingReview, Verdict::Approve) => {
                    Some(Step::MarketingApproved)
                }
                (MarketingStatus::AwaitingMarketingReview | MarketingStatus::InMarketingReview, Verdict::Reject) => {
                    Some(Step::MarketingRejected)
                }
                _ => None,
            },
        }
    }

    /// Takes a step of the Marketplace's, and tells of it.
    pub(crate) fn take_step(
        &mut self,
        account: AccountIndex,
        package: PackageIndex,
        step: Step,
        at: SimulatedTime,
    ) -> Result<(), Refusal> {
        let next = step::take(&self.accounts[account].packages[package].status, step)?;
        self.record_test_runs(account, package, step, at);
        self.set_status(account, package, &next, at);
        Ok(())
    }

    /// What the tools and people that this step stands for have found.
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
                finding.by_tools(&automated(self.manners.environment).collect::<Vec<_>>(), "phpcs")
            }
            Track::Technical => finding.by_tools(&[], "manual_qa"),
            Track::Marketing => finding.by_tools(&[], "marketing"),
        };
        let date = Timestamp::of(self.moment(at));
        for (tool, finding) in runs {
            // A decimal number is always a possible id.
            let Ok(id) = ToolRunId::new(self.next_number().to_string()) else { continue };
            self.accounts[account].packages[package].test_runs.push(TestRunEntry { id, tool, finding, date });
        }
    }
}
