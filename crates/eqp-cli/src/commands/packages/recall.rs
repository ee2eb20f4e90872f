//! `eqp packages recall`: recalls packages from review.

use std::path::{Path, PathBuf};

use clap::Args;
use eqp_client::Client;
use eqp_release::manifest::Manifest;
use eqp_release::{find_submission, recall_action};
use eqp_types::{Environment, Package, PackageDraft, PackageUpdate, SubmissionId};
use serde::Serialize;

use super::send::{SendReport, report};
use super::show::find;
use crate::arguments::Track;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Output, counted, escaped, shell_word};

/// Recall packages from review; packages that are not in review are skipped
#[derive(Args, Debug)]
#[command(
    override_usage = "eqp packages recall [OPTIONS] <FILE>\n       \
                      eqp packages recall [OPTIONS] --submission <ID>",
    after_help = "\
Examples:
  eqp packages recall release.toml
  eqp packages recall --submission s5w9k703ru --track marketing
  eqp packages recall release.toml --dry-run --json"
)]
pub(crate) struct Recall {
    /// Manifest of the packages, in TOML or JSON (- for standard input)
    #[arg(value_name = "FILE", required_unless_present = "submission")]
    manifest: Option<PathBuf>,
    /// Submission ID or item ID of a package to recall (repeatable)
    #[arg(long, value_name = "ID")]
    submission: Vec<SubmissionId>,
    /// Review to recall from
    #[arg(long, value_enum, value_name = "TRACK", default_value_t = Track::Both)]
    track: Track,
    /// Show what would be recalled, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Packages to recall, and packages that are skipped because they are not in review.
struct RecallPlan {
    environment: Environment,
    labels: Vec<String>,
    requests: Vec<PackageUpdate>,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RecallDryRun<'a> {
    /// The environment.
    environment: Environment,
    /// The requests that would be sent, in the form of the API.
    would_recall: &'a [PackageUpdate],
}

impl Plan for RecallPlan {
    fn show(self, output: Output) -> Result {
        let Self { environment, labels, requests } = &self;
        if output.is_json() {
            return output.json(&RecallDryRun { environment: *environment, would_recall: requests });
        }
        labels
            .iter()
            .try_for_each(|label| output.line(format_args!("would recall {} in {environment}", escaped(label))))
    }

    fn question(&self) -> Question {
        match self.requests.len() {
            0 => Question::Nothing,
            packages => Question::Write(self.environment, format!("Recall {}", counted(packages, "package"))),
        }
    }
}

/// Recalls packages from review.
struct PackageRecall<'a> {
    client: Client,
    options: &'a Recall,
    output: Output,
}

impl Change for PackageRecall<'_> {
    type Plan = RecallPlan;
    type Applied = SendReport;

    async fn observe(&mut self) -> Result<RecallPlan> {
        let mut plan = RecallPlan { environment: self.client.environment(), labels: vec![], requests: vec![] };
        for (label, package) in self.options.packages(&self.client).await? {
            let status = package.eqp_status.unwrap_or_default();
            match recall_action(&status, self.options.track.into()) {
                None => self.output.note(format_args!(
                    "{} is not in review: {}",
                    escaped(&label),
                    super::status_line(&status)
                )),
                Some(action) => {
                    plan.labels.push(label);
                    let changes = PackageDraft { action: Some(action), ..PackageDraft::default() };
                    plan.requests.push(PackageUpdate { submission_id: package.submission_id, changes });
                }
            }
        }
        Ok(plan)
    }

    async fn apply(self, plan: RecallPlan, _: Confirmation) -> Result<SendReport> {
        let items = match plan.requests.as_slice() {
            [] => Vec::new(),
            requests => self.client.packages().update(requests).await?,
        };
        Ok(SendReport { labels: plan.labels, items })
    }
}

impl Recall {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let change = PackageRecall { client, options: &self, output: context.output };
        let Some(sent) = change::run(context, change, self.dry_run).await? else { return Ok(()) };
        report(context, environment, "recalled", &sent.labels, &sent.items)
    }

    /// Returns the selected packages, each with its label from the command line or the manifest.
    async fn packages(&self, client: &Client) -> Result<Vec<(String, Package)>> {
        let mut found = Vec::new();
        for id in &self.submission {
            found.push((id.to_string(), find(client, id).await?));
        }
        if let Some(path) = &self.manifest {
            refuse_id(path)?;
            for package in &Manifest::read(path)?.packages {
                found.push((package.label(), find_submission(client, package).await?));
            }
        }
        Ok(found)
    }
}

/// Rejects an ID where the manifest is expected, and names the right option: other commands accept an ID there.
fn refuse_id(path: &Path) -> Result {
    let is_id = |text: &&str| !text.contains(['/', '.']) && SubmissionId::new(*text).is_ok();
    match path.to_str().filter(is_id) {
        Some(id) if id != "-" && !path.exists() => {
            Err(Failure::usage(format!("{id} is not a manifest: the file does not exist"))
                .next(format!("if it is the ID of a submission: eqp packages recall --submission {}", shell_word(id))))
        }
        _ => Ok(()),
    }
}
