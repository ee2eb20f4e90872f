//! `eqp callbacks add`, `adopt` and `rotate`: register an endpoint.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use eqp_sync::{EntrySelector, Snapshot};

use serde::Serialize;

use super::change::{ChangeOptions, grace, new_registration, public_url};
use super::view::{self, AppliedChange};
use crate::config::read_secret;
use crate::context::Context;
use crate::failure::Result;

/// Register a callback, or repair its registration
///
/// Creates the endpoint and its credential, then adds an entry to the Marketplace's list. The API can only replace the
/// whole list, and never returns passwords. The command therefore reads the list, adds the entry, compares, writes and
/// reads it back. Entries of other programs are preserved: if the password of one is unknown, the list is written only
/// if you supply the password or allow it to be lost. An entry that is missing or was overwritten is restored. To
/// continue an interrupted change, run the command again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main
  # again, after another program overwrote the list
  eqp callbacks add --name main
  # behind a proxy that rewrites the path
  eqp callbacks add --name main --url https://eqp.example.com/eqp \\
      --path /callbacks/main
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main \\
      --password-of https://other.example.com/hook=other-password.txt")]
pub(crate) struct Add {
    /// Name of the endpoint, also used as the label of the entry
    #[arg(long, value_name = "NAME")]
    name: String,
    /// URL that the Marketplace calls; https only [default: the existing endpoint's]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Path on the receiver, if a proxy rewrites it [default: the URL's]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    change: ChangeOptions,
}

impl Add {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let url = self.url.as_deref().map(public_url).transpose()?;
        let new = new_registration(self.name, url, self.path);
        let Some(changed) = self.change.change(context, |snapshot| snapshot.add(&new)).await? else { return Ok(()) };
        view::note_remaining(context, &changed);
        if context.output.is_json() {
            return context.output.json(&view::registered(&changed));
        }
        let already = !changed.plan.writes_list();
        let done = if already { "is registered already; nothing was changed" } else { "is registered" };
        context.output.line(view::lines(&changed, done))
    }
}

/// Take over an entry that was registered by hand or for another receiver
///
/// With --password-file, the list stays unchanged, and from now on the receivers accept the existing user name and
/// password. Without it, the entry gets a new credential. Callbacks in flight still use the old one, which only the
/// previous receiver accepts: keep that receiver running for some time.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks adopt --name main --url https://eqp.example.com/callback \\
      --password-file old-password.txt
  eqp callbacks adopt --name main --url https://eqp.example.com/callback \\
      --user key
  # behind a proxy that rewrites the path
  eqp callbacks adopt --name main --url https://eqp.example.com/hook \\
      --path /callbacks/main --password-file -")]
pub(crate) struct Adopt {
    /// Name of the endpoint, which is created if it does not exist
    #[arg(long, value_name = "NAME")]
    name: String,
    /// URL of the entry, exactly as registered
    #[arg(long, value_name = "URL")]
    url: String,
    /// User name of the entry, if several have this URL
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// File (mode 0600, or - for standard input) with the password of the entry
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Path on the receiver, if a proxy rewrites it [default: the URL's]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    change: ChangeOptions,
}

/// An adopted registration as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Adopted<'a> {
    #[serde(flatten)]
    registration: view::RegistrationReport<'a>,
    /// The user name that was replaced, which only the previous receiver accepts.
    replaced_username: Option<&'a str>,
}

impl Adopt {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let url = public_url(&self.url)?;
        let read = |file: &PathBuf| read_secret(file, "the entry's password");
        let password = self.password_file.as_ref().map(read).transpose()?;
        let entry = EntrySelector::new(&self.url, self.user.as_deref());
        let new = new_registration(self.name, Some(url), self.path);
        let changed = self.change.change(context, |snapshot| snapshot.adopt(&entry, &new, password.as_ref())).await?;
        let Some(changed) = changed else { return Ok(()) };
        view::note_remaining(context, &changed);
        let replaced_username = changed.plan.replaces();
        if let Some(replaced_username) = replaced_username {
            context.output.note(format_args!(
                "callbacks in flight with user name {replaced_username} are rejected here: \
                 keep the previous receiver running for some time"
            ));
        }
        if context.output.is_json() {
            return context.output.json(&Adopted { registration: view::registered(&changed), replaced_username });
        }
        let done = if changed.plan.is_empty() { "is already adopted; nothing was changed" } else { "was adopted" };
        context.output.line(view::lines(&changed, done))
    }
}

/// Replace the credential of a registration without rejecting callbacks
///
/// The old credential stays valid for the grace period, which starts with the first callback that uses the new one.
/// Until it ends, another rotation is refused. To continue an interrupted rotation, run the command again. After a
/// leak, `--grace 0s` rejects the old credential as soon as the new one is active, including callbacks in flight.
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
    /// Time for which the old credential is accepted after the first callback with the new one (0s: not at all)
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = grace)]
    grace: Duration,
    #[command(flatten)]
    change: ChangeOptions,
}

/// A rotated registration as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Rotated<'a> {
    #[serde(flatten)]
    registration: view::RegistrationReport<'a>,
    /// The user name that was replaced.
    old_username: Option<&'a str>,
    /// The user names that were rejected at once.
    refused: &'a [String],
}

impl Rotate {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let plan = |snapshot: &Snapshot| {
            let plan = snapshot.rotate(&self.name, self.grace)?;
            if self.grace.is_zero() {
                context
                    .output
                    .note("without a grace period, callbacks in flight that use the old user name are rejected");
            }
            Ok(plan)
        };
        let Some(changed) = self.change.change(context, plan).await? else { return Ok(()) };
        let AppliedChange { plan, applied } = &changed;
        view::note_remaining(context, &changed);
        if context.output.is_json() {
            return context.output.json(&Rotated {
                registration: view::registered(&changed),
                old_username: plan.replaces(),
                refused: applied.refused.as_ref().map(|refused| refused.usernames.as_slice()).unwrap_or_default(),
            });
        }
        let done = if plan.writes_list() { "was rotated" } else { "was already rotated by an earlier run" };
        context.output.line(view::lines(&changed, done))?;
        match &applied.refused {
            Some(refused) => context.output.line(format_args!("  rejected     {}", view::refused(refused))),
            None => Ok(()),
        }
    }
}
