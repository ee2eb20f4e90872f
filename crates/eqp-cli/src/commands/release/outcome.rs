//! Prints the result of a release, and determines its exit code.

use eqp_release::wait::statuses_of;
use eqp_release::{Dependency, DependencyState, FailedTest, ReleaseResult, RemoteFile, Track, Until, review_phases};
use eqp_types::{Environment, EqpStatus, FileUploadId, Flow, ItemId, MalwareStatus, OverallStatus, SubmissionId};
use serde::Serialize;

use super::ReportedRelease;
use super::remaining::remaining;
use crate::failure::{Exit, Failure, Result};
use crate::output::{escaped, track_line};

/// The result of a release as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ReleaseReport<'a> {
    /// Marks the last line of `--progress json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<ResultStep>,
    /// The environment.
    environment: Environment,
    /// The package, for people.
    package: &'a str,
    /// How the release ended: `reached`, `pending`, `already_released`, `rejected`, `scan_failed`, `closed`, `recalled`,
    /// `in_review`, `others_in_review`, `dependencies_not_ready`, `version_taken`, `unreachable`, `timed_out`, `interrupted` or `failed`.
    result: &'a str,
    /// The ID with which `eqp wait` continues; null if nothing was sent.
    handle: Option<&'a str>,
    /// The ID of the submission.
    submission_id: Option<&'a SubmissionId>,
    /// Your own ID of the submission.
    item_id: Option<&'a ItemId>,
    /// The status of each flow.
    eqp_status: Option<&'a EqpStatus>,
    /// The uploaded files.
    files: Vec<ReleasedFile<'a>>,
    /// The tests that a rejected review failed on.
    failed_tests: &'a [FailedTest],
    /// The fields of the manifest that differ from the submission and were not sent.
    unsent_changes: &'a [String],
    /// The packages of the same vendor that the archive requires, and that the store does not have.
    unmet_dependencies: Vec<&'a Dependency>,
}

/// An uploaded file of a release.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ReleasedFile<'a> {
    /// The path or name of the file.
    file: &'a str,
    /// The ID of the file.
    file_upload_id: &'a FileUploadId,
    /// The result of the malware scan.
    malware_status: Option<&'a MalwareStatus>,
}

/// The step of the last line of `--progress json`.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ResultStep {
    Result,
}

impl ReportedRelease<'_> {
    /// Prints the result with its explanation, and returns the failure that it implies.
    pub(super) async fn conclude(&mut self, ended: Result<Option<ReleaseResult>>) -> Result {
        self.progress.clear();
        self.summary.handle = self.release.handle();
        let result = match ended {
            Ok(result) => result,
            Err(failure) if failure.is_silent() => return Err(failure),
            Err(failure) => {
                // Programs repeat the command after an interruption, but not after a rejection, so the results differ.
                let is_interrupted = failure.exit_code() == Exit::Interrupted as u8;
                self.show(if is_interrupted { "interrupted" } else { "failed" }, &[])?;
                return Err(match self.release.handle() {
                    // A rejected submission is a draft again, so waiting for it makes no sense.
                    Some(_) if failure.exit_code() == Exit::Rejected as u8 => failure,
                    Some(handle) => failure.next(format!("to only wait for it: {}", self.wait_command(&handle))),
                    None => failure,
                });
            }
        };
        let Some(result) = result else {
            self.show("timed_out", &[])?;
            self.report_unsent_changes();
            return Err(self.timed_out());
        };
        let failed_tests = self.release.failed_tests(&result, &mut self.progress).await;
        self.show(result.as_str(), &failed_tests)?;
        if let Some(failure) = self.failure(&result, &failed_tests) {
            return Err(failure);
        }
        self.report_unsent_changes();
        self.report_success(&result);
        Ok(())
    }

    /// Reports fields of the manifest that differ from the submission and are not sent. A review covers only what was submitted.
    fn report_unsent_changes(&self) {
        if let Some(changes) = self.unsent_changes() {
            self.progress.note(&changes);
        }
    }

    /// Describes the fields of the manifest that differ from the submission and are not sent.
    pub(super) fn unsent_changes(&self) -> Option<String> {
        let changes = self.release.unsent_changes();
        if changes.is_empty() {
            return None;
        }
        let changes = changes.join(", ");
        let is_running = self.release.status().is_some_and(|status| !eqp_release::running_reviews(status).is_empty());
        let remedy = match self.release.handle() {
            _ if self.release.is_live() => "; to submit them with a marketing review, add --track marketing; prices alone need none: eqp listings push".to_owned(),
            Some(handle) if is_running => {
                format!("; to submit them, recall it first: eqp packages recall --submission {handle}")
            }
            _ => String::new(),
        };
        Some(format!(
            "these manifest changes were not sent, because the version is already submitted: {changes}{remedy}"
        ))
    }

    fn show(&self, result_name: &str, failed_tests: &[FailedTest]) -> Result {
        let handle = self.release.handle();
        if !self.context.output.is_json() && !self.progress.is_json() {
            return match handle {
                Some(handle) if self.progress.is_handle_due() => self.context.output.line(handle),
                _ => Ok(()),
            };
        }
        let names: Vec<_> = self.release.files().iter().map(RemoteFile::name).collect();
        let files = self.release.files().iter().zip(&names).filter_map(|(file, name)| {
            let record = file.record()?;
            Some(ReleasedFile {
                file: name,
                file_upload_id: &record.file.file_upload_id,
                malware_status: record.malware_status.as_ref(),
            })
        });
        let package = self.release.submission();
        self.context.output.json(&ReleaseReport {
            step: self.progress.is_json().then_some(ResultStep::Result),
            environment: self.context.settings.marketplace.environment(),
            package: &self.release.selected().label,
            result: result_name,
            handle: handle.as_deref(),
            submission_id: package.and_then(|package| package.submission_id.as_ref()),
            item_id: package.and_then(|package| package.item_id.as_ref()),
            eqp_status: package.and_then(|package| package.eqp_status.as_ref()),
            files: files.collect(),
            failed_tests,
            unsent_changes: self.release.unsent_changes(),
            unmet_dependencies: self.release.unmet_dependencies().collect(),
        })
    }

    /// Returns the command that waits for the submitted reviews. It names the flow, because a review that was not
    /// requested never ends.
    fn wait_command(&self, handle: &str) -> String {
        let flow = match self.release.target().track {
            _ if self.release.submission().is_none() => "",
            Track::Both => "",
            Track::Technical => " --flow technical",
            Track::Marketing => " --flow marketing",
        };
        format!("eqp wait {handle}{flow}")
    }

    fn report_success(&self, result: &ReleaseResult) {
        let label = &self.release.selected().label;
        let is_in_store = self.release.target().track != Track::Marketing && self.release.is_live();
        match (result, self.release.handle()) {
            _ if is_in_store && !self.release.has_submitted() => {
                self.progress.note(&format!("{label} is in the store already; nothing was sent"));
            }
            _ if is_in_store => self.progress.note(&format!("{label} is in the store")),
            (ReleaseResult::Pending, Some(handle)) => {
                let status = self.release.status().cloned().unwrap_or_default();
                let left = remaining(self.release.target().track, review_phases(&status), &handle);
                self.progress.note(&format!(
                    "{label} {}",
                    left.unwrap_or_else(|| format!(
                        "is submitted; to wait for its review: {} --timeout 15d",
                        self.wait_command(&handle)
                    ))
                ));
            }
            _ => self.progress.note(&match self.release.target().until {
                Until::Technical => format!("{label} has passed its technical review"),
                Until::Marketing => format!("{label} has passed its marketing review"),
                _ => format!("{label} is in the store"),
            }),
        }
    }

    fn timed_out(&self) -> Failure {
        let flows = statuses_of(self.release.status());
        let failure = Failure::new(Exit::TimedOut, format!("timed out waiting for {}", self.release.selected().label))
            .why(match flows.as_slice() {
                [] if self.release.unmet_dependencies().next().is_some() => {
                    let unmet: Vec<_> = self.release.unmet_dependencies().map(Dependency::sentence).collect();
                    format!("it requires {}", unmet.join("; "))
                }
                [] => "the malware scan has not ended".to_owned(),
                flows => track_line(flows.iter().map(|(flow, state)| (flow.as_str(), state.as_str()))),
            })
            .next("run the same command again: it continues where it stopped");
        let unscanned = self.release.files().iter().filter(|one| !one.is_scan_finished()).map(RemoteFile::name);
        let failure = unscanned
            .filter(|_| !flows.is_empty())
            .fold(failure, |failure, name| failure.why(format!("the malware scan of {name} has not ended")));
        match self.release.handle() {
            Some(handle) => failure.next(format!("to only wait for it: {}", self.wait_command(&handle))),
            None => failure,
        }
    }

    /// Returns the failure that a result means, or `None` for a success.
    pub(super) fn failure(&self, result: &ReleaseResult, failed_tests: &[FailedTest]) -> Option<Failure> {
        let label = &self.release.selected().label;
        let failure = |exit, what: String| Some(Failure::new(exit, what));
        match result {
            ReleaseResult::Reached | ReleaseResult::Pending | ReleaseResult::AlreadyReleased => None,
            ReleaseResult::Rejected(flow) => Some(self.rejected(flow, failed_tests)),
            ReleaseResult::ScanFailed => {
                let infected = self.release.files().iter().filter(|one| one.is_infected());
                let failure = Failure::new(Exit::Rejected, format!("a file of {label} did not pass its malware scan"));
                let failure = infected.map(RemoteFile::name).fold(failure, Failure::why);
                Some(failure.next("upload a clean file; this version was not submitted"))
            }
            ReleaseResult::Closed(overall) => failure(Exit::Rejected, format!("{label} is {overall}")).map(|failure| {
                failure.next(match overall {
                    OverallStatus::DeveloperRemovedFromStore => "run the same command again to submit it again",
                    _ => "release another version with a new item_id",
                })
            }),
            ReleaseResult::Recalled(flow) => {
                failure(Exit::Failed, format!("{label} was recalled from its {flow} review"))
                    .map(|failure| failure.next("run the same command again to submit it again"))
            }
            ReleaseResult::InReview => {
                failure(Exit::Failed, format!("{label} is in review with another archive")).map(|failure| {
                    failure.why("it was not changed").next("to recall it and submit this archive, use --supersede")
                })
            }
            ReleaseResult::OthersInReview(others) => {
                failure(Exit::Failed, format!("another version of {label} is in review: {}", listed(others))).map(
                    |failure| {
                        failure.why("it was not changed, and nothing was submitted").next(
                            "wait for the end of its review, or recall it and submit this version with --supersede",
                        )
                    },
                )
            }
            ReleaseResult::DependenciesNotReady(unmet) => Some(not_ready(label, unmet)),
            ReleaseResult::VersionTaken => {
                failure(Exit::Failed, format!("{label} has passed its technical review with another archive"))
                    .map(|failure| failure.next(self.other_version()))
            }
            ReleaseResult::Unreachable(review) => Some(self.unreachable(review)),
        }
    }

    /// Explains how to give the archive a new version, because its version is already used.
    fn other_version(&self) -> String {
        let taken = self.release.selected().package.changes.version.as_deref().unwrap_or("this version");
        match self.release.selected().archive_version.as_deref() {
            Some(archive) if archive != taken => format!(
                "the manifest has version {taken}, the archive's composer.json {archive}: set `version` in the \
                 manifest to {archive}, or remove it"
            ),
            Some(_) => format!(
                "use a new version for the changed archive instead of {taken}, in its composer.json and, if `version` is set, in the manifest"
            ),
            None => format!("use a new version for the changed archive instead of {taken}"),
        }
    }

    fn unreachable(&self, review: &Flow) -> Failure {
        let until = match self.release.target().until {
            Until::Released => "released",
            Until::Marketing => "marketing",
            _ => "technical",
        };
        let asked = self.release.target().reviews();
        let label = &self.release.selected().label;
        let what = format!("--until {until} also needs the {review} review, but {label} would not be submitted for it");
        Failure::usage(what)
            .why(format!("--track or the manifest's `action` selects {asked} only"))
            .next(format!("submit it for both: omit --track, and set {review} = \"submit\" in the manifest's `action`, if it has one"))
            .next(format!("or use --until {} or --until scan", if asked.technical { "technical" } else { "marketing" }))
    }

    fn rejected(&self, flow: &Flow, failed_tests: &[FailedTest]) -> Failure {
        let failure =
            Failure::new(Exit::Rejected, format!("the {flow} review rejected {}", self.release.selected().label));
        let failure = match failed_tests {
            [] => failure.why("the Marketplace gave no reason"),
            failed_tests => failed_tests.iter().fold(failure, |failure, one| failure.why_in_lines(&lines_of(one))),
        };
        let failure = match self.release.handle() {
            Some(handle) => failure.next(format!("show the complete reports: eqp packages report {handle}")),
            None => failure,
        };
        failure.next("fix it and run the same command again (an unchanged package needs --resubmit)")
    }
}

/// Returns the failure of a release whose required packages are not in the store.
pub(super) fn not_ready<'a>(label: &str, unmet: impl IntoIterator<Item = &'a Dependency>) -> Failure {
    let unmet: Vec<_> = unmet.into_iter().collect();
    let what = format!("{label} was not submitted: the store does not have all packages that it requires");
    let failure = unmet.iter().fold(Failure::new(Exit::Failed, what), |failure, one| failure.why(one.sentence()));
    let is_rejected = |one: &&&Dependency| one.state == DependencyState::Rejected;
    let failure = match unmet.iter().find(is_rejected) {
        Some(rejected) => failure.next(format!("release a corrected version of {} first", rejected.sku)),
        None => failure.next("run the same command again later, or wait with --wait-for-dependencies"),
    };
    let flags: Vec<_> = unmet.iter().map(|one| format!("--ignore-dependency {}", one.sku)).collect();
    failure.next(format!("if the store does not need it, pass {}", flags.join(" ")))
}

/// Joins IDs with commas.
fn listed(ids: &[SubmissionId]) -> String {
    ids.iter().map(SubmissionId::as_str).collect::<Vec<_>>().join(", ")
}

/// Formats lines so that line breaks in external text are escaped.
fn lines_of(failed_test: &FailedTest) -> String {
    let mut lines = vec![format!("{}: {}", escaped(&failed_test.tool), escaped(&failed_test.result))];
    for reasons in &failed_test.reasons {
        if reasons.title != failed_test.tool {
            lines.push(format!("  {}", escaped(&reasons.title)));
        }
        lines.extend(reasons.sentences.iter().map(|sentence| format!("    {}", escaped(sentence))));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use eqp_release::FailureReasons;

    use super::*;

    #[test]
    fn a_line_end_in_what_a_reviewer_says_ends_no_line() {
        let reasons = vec![FailureReasons { title: "manual\nqa".into(), sentences: vec!["bad\n::error::x".into()] }];
        let failed_test = FailedTest { tool: "manual\rqa".into(), result: "fail\u{1b}".into(), reasons };
        assert_eq!(lines_of(&failed_test), "manual\\rqa: fail\\u{1b}\n  manual\\nqa\n    bad\\n::error::x");
    }
}
