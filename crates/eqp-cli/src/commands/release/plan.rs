//! Prints the plan of a release in a dry run.

use eqp_release::{PatchPrediction, Plan};
use eqp_types::Environment;

use super::ReportedRelease;
use crate::change::{self, Question};
use crate::failure::{Failure, Result};
use crate::output::{Output, escaped};

/// The remaining steps of a release.
pub(super) struct ReleasePlan {
    pub(super) plan: Plan,
    environment: Environment,
    label: String,
    /// The plan is printed as JSON, even if other output is text.
    as_json: bool,
    /// Fields of the manifest that differ from the submission and are not sent.
    unsent_changes: Option<String>,
    /// Whether manual QA will probably be skipped.
    patch: Option<String>,
    /// The failure with which the release will end, if that is known already. Only determined in a dry run.
    failure: Option<Failure>,
}

impl ReportedRelease<'_> {
    /// Adds the information that a dry run shows to a plan.
    pub(super) async fn plan(&mut self, plan: Plan) -> ReleasePlan {
        let plan = match self.then.command() {
            Some((command, check)) => plan.with_command(command, check),
            None => plan,
        };
        let failure = match plan.result() {
            Some(result) if self.dry_run => {
                let failed_tests = self.release.failed_tests(result, &mut self.progress).await;
                self.failure(result, &failed_tests)
            }
            _ => None,
        };
        ReleasePlan {
            environment: self.context.settings.marketplace.environment(),
            label: self.release.selected().label.clone(),
            as_json: self.progress.is_json(),
            patch: self.release.patch().filter(|_| plan.sends_package()).map(patch_note),
            unsent_changes: if plan.sends_package() { None } else { self.unsent_changes() },
            failure,
            plan,
        }
    }
}

/// Describes whether the store will probably skip manual QA.
fn patch_note(patch: &PatchPrediction) -> String {
    match patch {
        PatchPrediction::Declared { live } => format!(
            "declared as a patch of {}: manual QA is skipped if the store's semantic version check agrees; if not, it is \
             reviewed like any other version",
            escaped(live)
        ),
        PatchPrediction::Possible { live } => format!(
            "this could be reviewed as a patch of {}, which skips manual QA; to declare it: --process-as-patch",
            escaped(live)
        ),
        PatchPrediction::NotAPatch { live } => format!(
            "declared as a patch, but more than the last number differs from {}: manual QA is probably not skipped",
            escaped(live)
        ),
        PatchPrediction::FirstVersion => {
            "declared as a patch, but no version is in the store: manual QA is not skipped".to_owned()
        }
    }
}

impl change::Plan for ReleasePlan {
    fn show(self, output: Output) -> Result {
        for note in change::Plan::notes(&self) {
            output.note(note);
        }
        let Self { plan, environment, as_json, unsent_changes, failure, .. } = self;
        if output.is_json() || as_json {
            output.json(&plan)?;
        } else {
            plan.sentences().iter().try_for_each(|step| output.line(format_args!("{step} ({environment})")))?;
        }
        match (failure, unsent_changes) {
            (Some(failure), _) => Err(failure),
            (None, Some(changes)) => {
                output.note(escaped(&changes));
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.patch.iter().cloned().collect()
    }

    fn question(&self) -> Question {
        Question::Write(self.environment, format!("Release {}", self.label))
    }
}
