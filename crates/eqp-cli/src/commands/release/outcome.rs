//! How a release ends: what is printed, and the exit code.

use eqp_types::{Flow, OverallStatus};
use serde_json::{Value, json};

use super::Run;
use super::goal::{Track, Until};
use super::next::Ending;
use super::plan::listed;
use super::reasons::Objection;
use super::stage::is_live;
use crate::failure::{Exit, Failure, Outcome};

impl Ending {
    /// The word for it in JSON.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Pending => "pending",
            Self::AlreadyReleased => "already_released",
            Self::Rejected(_) => "rejected",
            Self::ScanFailed => "scan_failed",
            Self::Ended(_) => "ended",
            Self::TakenBack(_) => "taken_back",
            Self::InReview => "in_review",
            Self::OthersInReview(_) => "others_in_review",
            Self::VersionTaken => "version_taken",
        }
    }
}

impl Run<'_> {
    /// Prints the result, and says what it means.
    pub(super) async fn conclude(&mut self, ended: Outcome<Option<Ending>>) -> Outcome {
        self.progress.clear();
        let ending = match ended {
            Ok(ending) => ending,
            Err(failure) if failure.is_silent() => return Err(failure),
            Err(failure) => {
                self.show("broken_off", &[])?;
                return Err(match self.handle() {
                    // What was refused is a draft still: nothing will come of it.
                    Some(_) if failure.exit_code() == Exit::Rejected as u8 => failure,
                    Some(handle) => failure.next(format!("only waiting for it: {}", self.wait_command(&handle))),
                    None => failure,
                });
            }
        };
        let Some(ending) = ending else {
            self.show("timed_out", &[])?;
            return Err(self.timed_out());
        };
        let objections = self.objections_of(&ending).await?;
        self.show(ending.word(), &objections)?;
        if let Some(failure) = self.failure(&ending, &objections) {
            return Err(failure);
        }
        self.say_goodbye(&ending);
        Ok(())
    }

    /// What was objected to, where an end is a rejection.
    pub(super) async fn objections_of(&self, ending: &Ending) -> Outcome<Vec<Objection>> {
        match ending {
            Ending::Rejected(flow) => self.objections(flow).await,
            _ => Ok(Vec::new()),
        }
    }

    /// What `eqp wait` takes: the submission, or, before there is one, the file of the archive.
    pub(super) fn handle(&self) -> Option<String> {
        let submission = self.submission.as_ref().and_then(|package| package.submission_id.as_ref());
        let of_archive = || {
            let archive = self.wanted.archive.as_deref();
            let one = match archive {
                Some(path) => super::located::at(&self.files, path),
                None => self.files.iter().find(|one| one.local.is_none()),
            };
            one.and_then(super::located::Located::id).map(ToString::to_string)
        };
        submission.map(ToString::to_string).or_else(of_archive)
    }

    /// Prints the handle as soon as there is a submission: whoever kills this run has it.
    pub(super) fn tell_handle(&mut self) -> Outcome {
        if self.submission.is_some() && self.handle_is_due {
            self.handle_is_due = false;
            self.progress.clear();
            if let Some(handle) = self.handle() {
                return self.context.output.line(handle);
            }
        }
        Ok(())
    }

    fn show(&self, outcome: &str, objections: &[Objection]) -> Outcome {
        let handle = self.handle();
        if !self.context.output.is_json() && !self.progress.is_json() {
            return match handle {
                Some(handle) if self.handle_is_due => self.context.output.line(handle),
                _ => Ok(()),
            };
        }
        let files: Vec<Value> = self
            .files
            .iter()
            .filter_map(|one| {
                let record = one.record.as_ref()?;
                Some(json!({
                    "file": one.name(),
                    "file_upload_id": record.file.file_upload_id,
                    "malware_status": record.malware_status,
                }))
            })
            .collect();
        let package = self.submission.as_ref();
        let mut result = json!({
            "environment": self.client.environment(),
            "package": self.wanted.label,
            "outcome": outcome,
            "handle": handle,
            "submission_id": package.and_then(|package| package.submission_id.as_ref()),
            "item_id": package.and_then(|package| package.item_id.as_ref()),
            "eqp_status": package.and_then(|package| package.eqp_status.as_ref()),
            "files": files,
            "objections": objections,
        });
        if self.progress.is_json() {
            result["step"] = json!("result");
        }
        self.context.output.json(&result)
    }

    /// The command that waits for what was submitted: of a review that was not submitted for, nothing will come.
    fn wait_command(&self, handle: &str) -> String {
        let flow = match self.goal.track {
            _ if self.submission.is_none() => "",
            Track::Both => "",
            Track::Technical => " --flow technical",
            Track::Marketing => " --flow marketing",
        };
        format!("eqp wait {handle}{flow}")
    }

    fn say_goodbye(&self, ending: &Ending) {
        let label = &self.wanted.label;
        let status = self.submission.as_ref().and_then(|package| package.eqp_status.as_ref());
        let is_in_store = self.goal.track != Track::Marketing && status.is_some_and(is_live);
        match (ending, self.handle()) {
            _ if is_in_store && !self.submitted => {
                self.progress.note(&format!("{label} is in the store already: nothing was sent"));
            }
            _ if is_in_store => self.progress.note(&format!("{label} is in the store")),
            (Ending::Pending, Some(handle)) => self.progress.note(&format!(
                "{label} is submitted; to wait for its review: {} --timeout 15d",
                self.wait_command(&handle)
            )),
            _ => self.progress.note(&match self.goal.until {
                Until::Technical => format!("{label} has passed its technical review"),
                Until::Marketing => format!("{label} has passed its marketing review"),
                _ => format!("{label} is in the store"),
            }),
        }
    }

    fn timed_out(&self) -> Failure {
        let status = self.submission.as_ref().and_then(|package| package.eqp_status.as_ref());
        let flows = crate::commands::wait::states_of(status);
        let failure = Failure::new(Exit::TimedOut, format!("{} did not come to its end in time", self.wanted.label))
            .why(match flows.as_slice() {
                [] => "the malware scan has not ended".to_owned(),
                flows => crate::output::track_line(flows.iter().map(|(flow, state)| (flow.as_str(), state.as_str()))),
            })
            .next("run the same command again: it goes on where it stopped");
        let unscanned = self.files.iter().filter(|one| !one.is_settled()).map(super::located::Located::name);
        let failure = unscanned
            .filter(|_| !flows.is_empty())
            .fold(failure, |failure, name| failure.why(format!("the malware scan of {name} has not ended")));
        match self.handle() {
            Some(handle) => failure.next(format!("only waiting for it: eqp wait {handle}")),
            None => failure,
        }
    }

    /// What a bad end means; none for a good one.
    pub(super) fn failure(&self, ending: &Ending, objections: &[Objection]) -> Option<Failure> {
        let label = &self.wanted.label;
        let failure = |exit, what: String| Some(Failure::new(exit, what));
        match ending {
            Ending::Reached | Ending::Pending | Ending::AlreadyReleased => None,
            Ending::Rejected(flow) => Some(self.rejected(flow, objections)),
            Ending::ScanFailed => {
                let infected = self.files.iter().filter(|one| {
                    let status = one.record.as_ref().and_then(|record| record.malware_status.as_ref());
                    status.is_some_and(eqp_types::MalwareStatus::has_failed)
                });
                let failure = Failure::new(Exit::Rejected, format!("a file of {label} did not pass its malware scan"));
                let failure = infected.map(super::located::Located::name).fold(failure, Failure::why);
                Some(failure.next("release a clean one; nothing was submitted with this"))
            }
            Ending::Ended(overall) => failure(Exit::Rejected, format!("{label} is {overall}")).map(|failure| {
                failure.next(match overall {
                    OverallStatus::DeveloperRemovedFromStore => "run the same command again to bring it back",
                    _ => "release another version, with an item_id of its own",
                })
            }),
            Ending::TakenBack(flow) => {
                failure(Exit::Failed, format!("somebody took {label} back from its {flow} review"))
                    .map(|failure| failure.next("run the same command again to submit it again"))
            }
            Ending::InReview => {
                failure(Exit::Failed, format!("{label} is in review with another archive")).map(|failure| {
                    failure.why("it was left alone").next("--supersede takes it back and submits this archive")
                })
            }
            Ending::OthersInReview(others) => {
                failure(Exit::Failed, format!("another version of {label} is in review: {}", listed(others))).map(
                    |failure| {
                        failure
                            .why("it was left alone, and nothing was submitted")
                            .next("wait for its end, or take it back and submit this one with --supersede")
                    },
                )
            }
            Ending::VersionTaken => {
                failure(Exit::Failed, format!("{label} has passed its technical review with another archive"))
                    .map(|failure| failure.next("give the changed archive a new version"))
            }
        }
    }

    fn rejected(&self, flow: &Flow, objections: &[Objection]) -> Failure {
        let failure = Failure::new(Exit::Rejected, format!("the {flow} review rejected {}", self.wanted.label));
        let failure = match objections {
            [] => failure.why("the Marketplace gives no reason"),
            objections => objections.iter().map(ToString::to_string).fold(failure, Failure::why),
        };
        let failure = match self.handle() {
            Some(handle) => failure.next(format!("see the whole reports: eqp packages report {handle}")),
            None => failure,
        };
        failure.next("mend it and run the same command again; unchanged it is submitted again with --resubmit only")
    }
}
