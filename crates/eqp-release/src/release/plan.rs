//! The plan of a release. No I/O.

use std::fmt;

use eqp_types::{Environment, SubmissionId};
use serde::ser::{Serialize, Serializer};
use tokio::time::Instant;

use super::observed_state::ObservedState;
use super::phase::{Phase, is_live, review_phases};
use super::step::{ReleaseResult, Step};
use super::steps_ahead::steps_ahead;
use super::target::{Target, Until};
use crate::dependencies::Dependency;

/// The remaining steps of a release, if nothing goes wrong.
///
/// [`Display`](fmt::Display) writes one step per line. The JSON form is
/// `{"environment", "handle", "package", "steps": [sentence, …]}`.
#[derive(Clone, Debug)]
pub struct Plan {
    environment: Environment,
    label: String,
    handle: Option<String>,
    until: Until,
    /// The files to upload.
    missing: Vec<String>,
    steps: Vec<Step>,
    /// The command that runs after the release to the store, and its check.
    command: Option<(String, Option<String>)>,
    /// The state that it was computed from.
    pub(super) state: ObservedState,
    pub(super) observed_at: Instant,
}

impl Plan {
    pub(super) fn new(
        state: ObservedState,
        target: Target,
        environment: Environment,
        label: String,
        handle: Option<String>,
        missing: Vec<String>,
    ) -> Self {
        let steps = steps_ahead(state.clone(), target);
        let observed_at = Instant::now();
        Self { environment, label, handle, until: target.until, missing, steps, command: None, state, observed_at }
    }

    /// Adds the command that the caller runs after the release to the store, unless `check` succeeds.
    #[must_use]
    pub fn with_command(self, command: &str, check: Option<&str>) -> Self {
        Self { command: Some((command.to_owned(), check.map(str::to_owned))), ..self }
    }

    /// Returns the steps, including the last one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the result of the release, if it is already known.
    pub fn result(&self) -> Option<&ReleaseResult> {
        match self.steps.last() {
            Some(Step::End(result)) => Some(result),
            _ => None,
        }
    }

    /// Returns whether the package is created or submitted.
    pub fn sends_package(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Create | Step::Submit(_)))
    }

    /// Returns a sentence for each step, and for the command after the release.
    pub fn sentences(&self) -> Vec<String> {
        self.steps.iter().filter_map(|step| self.sentence(step)).chain(self.command_sentence()).collect()
    }

    /// Returns the sentence about the command, unless it is certain not to run.
    fn command_sentence(&self) -> Option<String> {
        use ReleaseResult::{AlreadyReleased, Pending, Reached};
        let (command, check) = self.command.as_ref()?;
        let may_run = matches!(self.result(), None | Some(AlreadyReleased | Pending | Reached));
        let unless = check.as_ref().map_or(String::new(), |check| format!(", unless this succeeds: {check}"));
        may_run.then(|| format!("would then run: {command}{unless}"))
    }

    /// Returns whether the awaited status is reached already, before any step.
    fn is_reached(&self) -> bool {
        let Some(status) = self.state.submission.as_ref().map(|submission| &submission.status) else { return false };
        let [technical, marketing] = review_phases(status);
        let is_reached = match self.until {
            Until::Technical => technical == Phase::Approved,
            Until::Marketing => marketing == Phase::Approved,
            _ => is_live(status),
        };
        is_reached && self.steps.len() == 1
    }

    fn sentence(&self, step: &Step) -> Option<String> {
        let label = &self.label;
        Some(match step {
            Step::FindDependencies | Step::FindFiles => return None,
            Step::WaitForDependencies(unmet) => {
                let unmet: Vec<_> = unmet.iter().map(Dependency::sentence).collect();
                format!("would wait until the store has what {label} requires: {}", unmet.join("; "))
            }
            Step::Upload => format!("would upload {}", self.missing.join(", ")),
            Step::WaitForScans => "would wait for the malware scan".to_owned(),
            Step::RecallOthers(others) => format!("would recall from review: {}", listed(others)),
            Step::RecallThis(reviews) => format!("would recall {label} from {reviews}"),
            Step::Create => format!("would create {label}"),
            Step::Submit(reviews) => format!("would submit {label} for {reviews}"),
            Step::WaitForReview if self.is_reached() => match self.until {
                Until::Technical => format!("{label} has already passed its technical review: nothing is left to do"),
                Until::Marketing => format!("{label} has already passed its marketing review: nothing is left to do"),
                _ if self.command.is_some() => format!("{label} is already in the store"),
                _ => format!("{label} is already in the store: nothing is left to do"),
            },
            Step::WaitForReview => match self.until {
                Until::Technical => "would wait for the end of the technical review".to_owned(),
                Until::Marketing => "would wait for the end of the marketing review".to_owned(),
                _ => "would wait for the release to the store".to_owned(),
            },
            Step::End(ReleaseResult::AlreadyReleased) => {
                format!("{label} is already in the store: nothing would be sent")
            }
            Step::End(ReleaseResult::Pending) if self.steps.len() == 1 => {
                format!("{label} is already submitted: nothing would be sent")
            }
            Step::End(ReleaseResult::Pending | ReleaseResult::Reached) => {
                format!("then nothing is left to do for {label}")
            }
            Step::End(result) => format!("would stop: {}", result.as_str().replace('_', " ")),
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("\n"))
    }
}

/// The JSON form of a plan.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct SerializedPlan<'a> {
    /// The environment.
    environment: Environment,
    /// The item ID or submission ID, with which other commands find the package.
    handle: &'a Option<String>,
    /// The package, for people.
    package: &'a str,
    /// The steps, each in a sentence.
    steps: Vec<String>,
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Plan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReleasePlan".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        SerializedPlan::json_schema(generator)
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { environment, handle, label, .. } = self;
        SerializedPlan { environment: *environment, handle, package: label, steps: self.sentences() }
            .serialize(serializer)
    }
}

fn listed(ids: &[SubmissionId]) -> String {
    ids.iter().map(SubmissionId::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::release::observed_state::{DependenciesState, Diff, FilesState, ObservedSubmission};
    use crate::release::phase::tests::status;
    use crate::reviews::Track;

    #[test]
    fn a_plan_that_has_nothing_to_wait_for_says_so() {
        for (text, until, sentence) in [
            ("in_progress/approved/in_marketing_review", Until::Technical, "has already passed its technical review"),
            (
                "in_progress/in_manual_qa/in_marketing_review",
                Until::Technical,
                "would wait for the end of the technical",
            ),
            ("in_progress/approved/in_marketing_review", Until::Released, "would wait for the release to the store"),
            ("released_to_store/approved/approved", Until::Released, "is already in the store"),
            ("in_progress/approved/in_marketing_review", Until::Scan, "is already submitted: nothing would be sent"),
        ] {
            let submission = ObservedSubmission { status: status(text), archive: Diff::Same, listing: Diff::Same };
            let state = ObservedState {
                files: FilesState::Clean,
                submission: Some(submission),
                others_in_review: Vec::new(),
                dependencies: DependenciesState::Met,
                submitted: false,
            };
            let target = Target::new(Track::Both, until);
            let plan = Plan::new(state, target, Environment::Sandbox, "badges".to_owned(), None, Vec::new());
            assert_eq!(plan.sentences().len(), 1, "{text} {until:?}: {plan}");
            assert!(plan.to_string().contains(sentence), "{text} {until:?}: {plan}");
        }
    }

    #[test]
    fn a_plan_is_shown_and_serialised_step_by_step() {
        let state = ObservedState {
            files: FilesState::Missing,
            submission: None,
            others_in_review: Vec::new(),
            dependencies: DependenciesState::Met,
            submitted: false,
        };
        let (target, label) = (Target::new(Track::Both, Until::Scan), "acme/badges 1.0.0".to_owned());
        let plan = Plan::new(state, target, Environment::Sandbox, label, None, vec!["badges.zip".to_owned()]);
        let sentences = [
            "would upload badges.zip",
            "would wait for the malware scan",
            "would create acme/badges 1.0.0",
            "would submit acme/badges 1.0.0 for technical and marketing review",
            "then nothing is left to do for acme/badges 1.0.0",
        ];
        assert_eq!(plan.to_string(), sentences.join("\n"));
        assert_eq!(plan.result(), Some(&ReleaseResult::Pending));
        let expected =
            json!({"environment": "sandbox", "handle": null, "package": "acme/badges 1.0.0", "steps": sentences});
        assert_eq!(serde_json::to_value(&plan).unwrap(), expected);
    }
}
