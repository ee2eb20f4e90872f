//! `eqp callbacks adopt`.

use std::path::PathBuf;

use clap::Args;

use super::shown;
use super::writing::{Writing, public_url, with_both};
use crate::compose::registration::{EntryMatch, Intent, NewCallback, adopt};
use crate::config::read_secret;
use crate::context::Context;
use crate::failure::Outcome;

/// Take over an entry that somebody made by hand, or for another receiver behind the same URL
///
/// With the entry's password its user name and password stay as they are: the list is not written, and the receivers
/// take them from now on (rotate later, if you like). Without, a new credential takes the entry's place in the list; what
/// was sent before it and is still on its way comes with the old one, which only the receiver that had it can take.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks adopt --name main --url https://eqp.example.com/callback \\
      --password-file old-password.txt
  eqp callbacks adopt --name main --url https://eqp.example.com/callback --user key
  # the receiver answers at another path than the URL's
  eqp callbacks adopt --name main --url https://eqp.example.com/hook --path /callbacks/main \\
      --password-file -")]
pub(crate) struct Adopt {
    /// Name of the endpoint, which is made if it is new
    #[arg(long, value_name = "NAME")]
    name: String,
    /// URL of the entry, exactly as it is registered
    #[arg(long, value_name = "URL")]
    url: String,
    /// User name of the entry, where several have this URL
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// File (mode 0600, or - for standard input) with the password of the entry
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Path at which the receiver answers [default: the URL's]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

impl Adopt {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let url = public_url(&self.url)?;
        let foreign = self.writing.foreign()?;
        let read = |file: &PathBuf| read_secret(file, "the entry's password");
        let password = self.password_file.as_ref().map(read).transpose()?;
        let entry = EntryMatch::new(&self.url, self.user.as_deref());
        let new = NewCallback { name: self.name, url: Some(url), path: self.path };
        let review = |intents: &[Intent<'_>]| self.writing.review(context, intents);
        let adopted = with_both(context, self.writing.upgrade(), async |client, ours| {
            adopt(client, ours, &entry, &new, password.as_ref(), &foreign, review).await
        })
        .await?;
        shown::note_remaining(context, &adopted.registered);
        if let Some(given_up) = &adopted.given_up {
            context.output.note(format_args!(
                "callbacks sent before with user name {given_up} are refused here: let the receiver that had it run on \
                 for a while"
            ));
        }
        if context.output.is_json() {
            let mut told = shown::registered(&adopted.registered);
            told["given_up"] = adopted.given_up.into();
            return context.output.json(&told);
        }
        context.output.line(shown::lines(&adopted.registered, "is taken over"))
    }
}
