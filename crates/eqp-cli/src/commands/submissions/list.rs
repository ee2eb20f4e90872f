//! `eqp submissions list`.

use clap::Args;
use eqp_receiver::SubmissionFilter;

use super::tracks;
use crate::commands::words;
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, Whole, utc};

/// List submissions, the one that changed last first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions list
  eqp submissions list --overall in_progress --json")]
pub(crate) struct List {
    /// Whose overall state is this
    #[arg(long, value_name = "STATE", value_parser = words::overall_state(), hide_possible_values = true)]
    overall: Option<String>,
    /// Whose technical review is in this state
    #[arg(long, value_name = "STATE", value_parser = words::technical_state(), hide_possible_values = true)]
    technical: Option<String>,
    /// Whose marketing review is in this state
    #[arg(long, value_name = "STATE", value_parser = words::marketing_state(), hide_possible_values = true)]
    marketing: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let environment = context.settings.marketplace.environment;
        let filter = SubmissionFilter {
            environment,
            overall: self.overall,
            technical: self.technical,
            marketing: self.marketing,
            limit: self.limit,
            ..SubmissionFilter::default()
        };
        let database = Database::open_to_read(context).await?;
        let submissions = database.reader().submissions(&filter).await;
        database.close().await?;
        let submissions = submissions?;
        if context.output.is_json() {
            return context.output.json(&Whole { name: "submissions", environment, items: &submissions });
        }
        if submissions.is_empty() {
            context.output.note("no submissions");
            return Ok(());
        }
        let mut table = Table::new(&["environment", "submission", "item", "tracks", "heard (UTC)"]);
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
