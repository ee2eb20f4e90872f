//! `--dry-run`: the steps that lie ahead.

use eqp_types::SubmissionId;
use serde_json::json;

use super::Run;
use super::course::course;
use super::goal::Until;
use super::next::{Ending, Step, next};
use crate::failure::Outcome;

impl Run<'_> {
    /// Shows what would be done. It looks, and sends nothing. It fails as the release would where that can be seen already.
    pub(super) async fn show_plan(&mut self) -> Outcome {
        let mut situation = self.look().await?;
        if next(&situation, self.goal) == Step::FindFiles {
            self.find_files().await?;
            situation = self.look().await?;
        }
        let course = course(situation, self.goal);
        let steps: Vec<String> = course.iter().filter_map(|step| self.in_words(step)).collect();
        let objections = match course.last() {
            Some(Step::End(ending)) => self.objections_of(ending).await?,
            _ => Vec::new(),
        };
        let bad_end = match course.last() {
            Some(Step::End(ending)) => self.failure(ending, &objections),
            _ => None,
        };
        let environment = self.client.environment();
        if self.context.output.is_json() || self.progress.is_json() {
            let handle = self.handle();
            self.context.output.json(&json!({
                "environment": environment, "package": self.wanted.label, "handle": handle, "would": steps,
            }))?;
        } else {
            self.progress.clear();
            steps.iter().try_for_each(|step| self.context.output.line(format_args!("{step} ({environment})")))?;
        }
        bad_end.map_or(Ok(()), Err)
    }

    fn in_words(&self, step: &Step) -> Option<String> {
        let label = &self.wanted.label;
        Some(match step {
            Step::FindFiles => return None,
            Step::Upload => {
                let missing = self.files.iter().filter(|one| one.record.is_none());
                format!("would upload {}", missing.map(super::located::Located::name).collect::<Vec<_>>().join(", "))
            }
            Step::WaitForScans => "would wait for the malware scan".to_owned(),
            Step::RecallOthers(others) => format!("would take back from review: {}", listed(others)),
            Step::RecallThis(reviews) => format!("would take {label} back from {reviews}"),
            Step::Create => format!("would create {label}"),
            Step::Submit(reviews) => format!("would submit {label} for {reviews}"),
            Step::WaitForOutcome => match self.goal.until {
                Until::Technical => "would wait for the end of the technical review".to_owned(),
                Until::Marketing => "would wait for the end of the marketing review".to_owned(),
                _ => "would wait for the release to the store".to_owned(),
            },
            Step::End(Ending::AlreadyReleased) => format!("{label} is in the store already: nothing would be sent"),
            Step::End(Ending::Pending | Ending::Reached) => format!("then nothing is left to do for {label}"),
            Step::End(ending) => format!("would end: {}", ending.word().replace('_', " ")),
        })
    }
}

/// Ids in a row.
pub(super) fn listed(ids: &[SubmissionId]) -> String {
    ids.iter().map(SubmissionId::as_str).collect::<Vec<_>>().join(", ")
}
