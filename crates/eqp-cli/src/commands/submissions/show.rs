//! `eqp submissions show`.

use clap::Args;
use eqp_receiver::SubmissionHistory;

use super::tracks;
use crate::commands::events;
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Whole, visible};

/// Show a submission: where it stands and how it came there
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions show s5w9k703ru
  eqp submissions show user_upload_version_1 --json")]
pub(crate) struct Show {
    /// Its submission id, or your own item id
    id: String,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let environment = context.settings.marketplace.environment;
        let database = Database::open_to_read(context).await?;
        let found = database.reader().submission(environment, &self.id).await;
        database.close().await?;
        let found = found?;
        if found.is_empty() {
            return Err(Failure::new(Exit::NotFound, format!("no callback has told of a submission {}", self.id))
                .next(format!("ask the Marketplace itself: eqp packages show {}", self.id)));
        }
        if context.output.is_json() {
            return context.output.json(&Whole { name: "submissions", environment, items: &found });
        }
        for history in &found {
            text(context, history)?;
        }
        Ok(())
    }
}

fn text(context: &Context, history: &SubmissionHistory) -> Outcome {
    let submission = &history.submission;
    let item = submission.item_id.as_ref().map(|item| format!(" ({})", visible(item.as_str()))).unwrap_or_default();
    context.output.line(format_args!(
        "{}{item} of {} in {}\n{}\n",
        submission.submission_id,
        submission.mage_id,
        submission.environment,
        tracks(submission)
    ))?;
    context.output.line(events::table(&history.events))
}
