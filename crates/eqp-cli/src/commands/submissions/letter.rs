//! `eqp submissions letter`.

use clap::Args;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;

/// Print a letter that asks Marketplace support about a review
///
/// Contains the submission ID, the current step of the review, its start, and the time that this step usually takes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions letter s5w9k703ru
  eqp submissions letter s5w9k703ru --json | jq -r .body")]
pub(crate) struct Letter {
    /// ID of the submission, as shown by `eqp submissions list`
    id: String,
}

impl Letter {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let letter = operator.client().letter(&self.id).await;
        operator.close().await?;
        let letter = letter?;
        if context.output.is_json() {
            return context.output.json(&letter);
        }
        context.output.line(format_args!(
            "To: {}\nSubject: {}\n\n{}",
            letter.to,
            letter.subject,
            letter.body.trim_end()
        ))
    }
}
