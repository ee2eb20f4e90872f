//! `eqp callbacks rotate`.

use std::time::Duration;

use clap::Args;

use super::shown;
use super::writing::{Writing, grace, with_both};
use crate::compose::registration::{Intent, rotate};
use crate::context::Context;
use crate::failure::Outcome;

/// Give a registration another user name and password; no callback is refused meanwhile
///
/// The old ones are taken until a grace after the first callback that comes with the new ones, and the receivers end that
/// by themselves. A second rotation waits for it. One that was cut off is ended by the next call. After a leak, `--grace 0s`
/// refuses the old ones as soon as the new ones are in force: callbacks on their way with them are refused too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks rotate --name main
  eqp callbacks rotate --name main --grace 3d
  # the password leaked
  eqp callbacks rotate --name main --grace 0s
  eqp callbacks rotate --name main --dry-run")]
pub(crate) struct Rotate {
    /// Name of the endpoint
    #[arg(long, value_name = "NAME")]
    name: String,
    /// How long the old credential is taken after the new one was first seen on a callback; 0s: not at all
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = grace)]
    grace: Duration,
    #[command(flatten)]
    writing: Writing,
}

impl Rotate {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let foreign = self.writing.foreign()?;
        let review = |intents: &[Intent<'_>]| {
            if self.grace.is_zero() {
                context.output.note("without a grace, callbacks on their way with the old user name are refused");
            }
            self.writing.review(context, intents)
        };
        let rotated = with_both(context, self.writing.upgrade(), async |client, ours| {
            rotate(client, ours, &self.name, self.grace, &foreign, review).await
        })
        .await?;
        let registered = &rotated.registered;
        shown::note_remaining(context, registered);
        if context.output.is_json() {
            let mut told = shown::registered(registered);
            told["old_username"] = rotated.old.into();
            told["refused"] = rotated.refused.map(|refused| refused.usernames).unwrap_or_default().into();
            return context.output.json(&told);
        }
        let done = if registered.already { "was rotated by an earlier call" } else { "is rotated" };
        context.output.line(shown::lines(registered, done))?;
        match &rotated.refused {
            Some(refused) if !refused.usernames.is_empty() => {
                context.output.line(format_args!("  refused      {}", shown::refused(refused)))
            }
            _ => Ok(()),
        }
    }
}
