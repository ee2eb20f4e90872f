//! `eqp callbacks add`.

use clap::Args;

use super::shown;
use super::writing::{Writing, public_url, with_both};
use crate::compose::registration::{Intent, NewCallback, register};
use crate::context::Context;
use crate::failure::Outcome;

/// Register a callback: make its endpoint and credential here, then add it to the Marketplace's list
///
/// The API knows the list only as a whole and never shows a password. So the list is read, merged, compared, written
/// and read back; entries of others stay, and a list with an entry whose password is not known here is not written
/// unless that password is supplied or may be lost. For an endpoint whose entry is gone or was overwritten it puts the
/// entry back; after a change that was cut off it finds out what was done, and goes on.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main
  # again, after somebody overwrote the list
  eqp callbacks add --name main
  # behind a proxy that rewrites the path
  eqp callbacks add --name main --url https://eqp.example.com/eqp --path /callbacks/main
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main \\
      --password-of https://other.example.com/hook=other-password.txt")]
pub(crate) struct Add {
    /// Name of the endpoint, and label of the entry
    #[arg(long, value_name = "NAME")]
    name: String,
    /// URL that the Marketplace sends to; https only [default: that of the endpoint, if there is one]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Path at which the receiver answers [default: the URL's]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

impl Add {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let url = self.url.as_deref().map(public_url).transpose()?;
        let foreign = self.writing.foreign()?;
        let new = NewCallback { name: self.name, url, path: self.path };
        let review = |intents: &[Intent<'_>]| self.writing.review(context, intents);
        let registered = with_both(context, self.writing.upgrade(), async |client, ours| {
            register(client, ours, &new, &foreign, review).await
        })
        .await?;
        shown::note_remaining(context, &registered);
        if context.output.is_json() {
            return context.output.json(&shown::registered(&registered));
        }
        let done = if registered.already { "is registered already; nothing was changed" } else { "is registered" };
        context.output.line(shown::lines(&registered, done))
    }
}
