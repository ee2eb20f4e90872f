//! `eqp submissions`: shows the current status of submissions, as reported by callbacks, and links to their pages.

pub(crate) mod letter;
pub(crate) mod link;
pub(crate) mod links;
pub(crate) mod unlink;

use clap::{Args, Subcommand};
use eqp_store::{Submission, SubmissionFilter, SubmissionHistory};
use eqp_types::Environment;
use serde::Serialize;

use crate::arguments::within;
use crate::commands::{events, statuses};
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, escaped, track_line, utc};

/// Show the current status of submissions
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp submissions list --overall in_progress
  eqp submissions show s5w9k703ru
  eqp submissions letter s5w9k703ru
  eqp submissions link s5w9k703ru --for 30d")]
pub(crate) enum Submissions {
    List(List),
    Show(Show),
    Letter(letter::Letter),
    Link(link::Link),
    Links(links::Links),
    Unlink(unlink::Unlink),
}

impl Submissions {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Letter(verb) => verb.run(context).await,
            Self::Link(verb) => verb.run(context).await,
            Self::Links(verb) => verb.run(context).await,
            Self::Unlink(verb) => verb.run(context).await,
        }
    }
}

/// List submissions, last changed first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions list
  eqp submissions list --overall in_progress --json")]
pub(crate) struct List {
    /// Show submissions with this overall status
    #[arg(long, value_name = "STATUS", value_parser = statuses::overall_status(), hide_possible_values = true)]
    overall: Option<String>,
    /// Show submissions with this technical status
    #[arg(long, value_name = "STATUS", value_parser = statuses::technical_status(), hide_possible_values = true)]
    technical: Option<String>,
    /// Show submissions with this marketing status
    #[arg(long, value_name = "STATUS", value_parser = statuses::marketing_status(), hide_possible_values = true)]
    marketing: Option<String>,
    /// Maximum number of submissions
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = within(1_u32..=10_000))]
    limit: u32,
}

/// Submissions as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubmissionList<'a> {
    /// The environment that was selected, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    /// The submissions.
    submissions: &'a [Submission],
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let environment = context.settings.marketplace.environment;
        let filter = SubmissionFilter {
            environment,
            overall: self.overall,
            technical: self.technical,
            marketing: self.marketing,
            limit: self.limit,
            ..SubmissionFilter::default()
        };
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().submissions(&filter).await;
        operator.close().await?;
        let submissions = listed?.submissions;
        if context.output.is_json() {
            return context.output.json(&SubmissionList { environment, submissions: &submissions });
        }
        if submissions.is_empty() {
            context.output.note("no submissions");
            return Ok(());
        }
        let mut table = Table::new(&["environment", "submission", "item", "tracks", "last report (UTC)"]);
        for submission in &submissions {
            table.row([
                submission.environment.to_string(),
                submission.submission_id.clone(),
                submission.item_id.clone().unwrap_or_else(|| "-".into()),
                tracks(submission),
                utc(submission.received_at),
            ]);
        }
        context.output.line(table)
    }
}

/// Show the current status and the history of a submission
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions show s5w9k703ru
  eqp submissions show user_upload_version_1 --json")]
pub(crate) struct Show {
    /// Submission ID, or your own item ID
    id: String,
}

/// Submissions with their histories as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubmissionHistories<'a> {
    /// The environment that was selected, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    /// The submissions with this ID: more than one if accounts use the same item ID.
    submissions: &'a [SubmissionHistory],
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let environment = context.settings.marketplace.environment;
        let operator = Operator::open_to_read(context).await?;
        let found = operator.client().submission(environment, &self.id).await;
        operator.close().await?;
        let Some(found) = found? else {
            return Err(Failure::new(
                Exit::NotFound,
                format!("no callback for submission {} has been received", self.id),
            )
            .next(format!("query the Marketplace: eqp packages show {}", self.id)));
        };
        let found = found.submissions;
        if context.output.is_json() {
            return context.output.json(&SubmissionHistories { environment, submissions: &found });
        }
        for history in &found {
            text(context, history)?;
        }
        Ok(())
    }
}

fn text(context: &Context, history: &SubmissionHistory) -> Result {
    let submission = &history.submission;
    let item = submission.item_id.as_ref().map(|item| format!(" ({})", escaped(item.as_str()))).unwrap_or_default();
    context.output.line(format_args!(
        "{}{item} of {} in {}\n{}\n",
        submission.submission_id,
        submission.mage_id,
        submission.environment,
        tracks(submission)
    ))?;
    context.output.line(events::table(&history.events))
}

/// Returns the known flows as one line.
fn tracks(submission: &Submission) -> String {
    let flows =
        [("overall", &submission.overall), ("technical", &submission.technical), ("marketing", &submission.marketing)];
    let line = track_line(flows.into_iter().filter_map(|(flow, state)| Some((flow, state.as_deref()?))));
    match (submission.ambiguous, submission.unconfirmed) {
        (true, _) => format!("{line} · ambiguous: check with eqp packages show"),
        (false, true) => format!("{line} · unconfirmed: the Marketplace's API has contradicted the last callback"),
        (false, false) => line,
    }
}
