//! What every change of the list is told and given: passwords of others, the Marketplace and our endpoints, a question
//! before it is written.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use eqp_client::Client;
use eqp_client::callbacks::Change;
use eqp_receiver::{Endpoints, PublicUrl};
use eqp_types::Secret;
use serde_json::json;

use super::shown;
use crate::compose::client::client;
use crate::compose::database::{Database, Migrate, Upgrade};
use crate::compose::receiver::{known_master_key, master_key};
use crate::compose::registration::{EntryMatch, Foreign, Intent, Ours};
use crate::config::read_secret;
use crate::context::Context;
use crate::duration::duration;
use crate::failure::{Failure, Outcome};
use crate::output::visible;

/// About entries of others, and whether anything is written
#[derive(Args, Debug)]
pub(super) struct Writing {
    /// File (mode 0600, or - for standard input) with the password of an entry that others registered; may be repeated
    #[arg(long, value_name = "URL[#USER]=FILE")]
    password_of: Vec<String>,
    /// Entry that may lose its password, and with it maybe its callbacks; may be repeated
    #[arg(long, value_name = "URL[#USER]")]
    may_lose_password: Vec<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Writing {
    pub(super) fn foreign(&self) -> Outcome<Foreign> {
        Ok(Foreign {
            passwords: self.password_of.iter().map(|text| password_of(text)).collect::<Outcome<_>>()?,
            may_lose: self.may_lose_password.iter().map(|text| EntryMatch::parse(text)).collect(),
        })
    }

    /// Whether the database may be brought up to date.
    pub(super) fn upgrade(&self) -> Upgrade {
        Upgrade::unless(self.dry_run)
    }

    /// Shows what is about to be done; asks before the list of production is written.
    pub(super) fn review(&self, context: &Context, intents: &[Intent<'_>]) -> Outcome {
        if self.dry_run {
            show(context, intents)?;
            return Err(Failure::dry_run());
        }
        let changes = intents.iter().filter_map(|intent| match intent {
            Intent::Write(plan) => Some(plan.changes()),
            _ => None,
        });
        let lines: Vec<_> = changes.flatten().map(line).collect();
        for line in &lines {
            context.output.note(visible(line));
        }
        if lines.is_empty() {
            return Ok(());
        }
        let environment = context.settings.marketplace.environment();
        context.confirmation.ask(environment, "Write this list of callbacks")
    }
}

/// Works with the Marketplace and our endpoints. The data folder, the master key and the database are only made, and only
/// written to, once a change has something to keep: not for what only looks, and not before it was agreed to.
pub(super) async fn with_both<T>(
    context: &Context,
    upgrade: Upgrade,
    work: impl AsyncFnOnce(&Client, Ours<'_>) -> Outcome<T>,
) -> Outcome<T> {
    let client = client(&context.settings.marketplace)?;
    let key = known_master_key(&context.settings.data.look()?)?;
    let looked_at = Database::open_to_look(context, upgrade).await?;
    let written_to = OnceCell::new();
    let done = async {
        let endpoints = match &looked_at {
            Some(database) => Endpoints::open_to_read(database.pool().clone(), key).await?,
            None => None,
        };
        let open = async {
            let key = master_key(&context.settings.data.open()?)?;
            let database = Database::open(context, Migrate::WhenEmpty).await?;
            let pool = database.pool().clone();
            // Kept, to be left in the end whatever comes.
            let _ = written_to.set(database);
            Ok(Endpoints::open(pool, key).await?)
        };
        work(&client, Ours::looked_at(endpoints, open)).await
    }
    .await;
    for database in [written_to.into_inner(), looked_at].into_iter().flatten() {
        database.close().await?;
    }
    done
}

/// A URL that the Marketplace can be told.
pub(super) fn public_url(text: &str) -> Outcome<PublicUrl> {
    text.parse().map_err(|error| {
        Failure::usage("this URL cannot be registered")
            .because(&error as &eqp_receiver::PublicUrlError)
            .next("give the receiver's public address, such as https://eqp.example.com/callbacks/main")
    })
}

/// Reads `24h`.
pub(super) fn grace(text: &str) -> Result<Duration, String> {
    Ok(duration(text)?.unsigned_abs())
}

fn password_of(text: &str) -> Outcome<(EntryMatch, Secret)> {
    let (entry, file) =
        text.rsplit_once('=').filter(|(entry, file)| !entry.is_empty() && !file.is_empty()).ok_or_else(|| {
            Failure::usage("--password-of wants URL=FILE")
                .next("--password-of https://other.example.com/hook=password.txt")
        })?;
    Ok((EntryMatch::parse(entry), read_secret(Path::new(file), "a callback's password")?))
}

/// What would be done, as data.
fn show(context: &Context, intents: &[Intent<'_>]) -> Outcome {
    let (mut list, mut here) = (Vec::new(), Vec::new());
    for intent in intents {
        match intent {
            Intent::Write(plan) => list.extend(plan.changes().iter().map(line)),
            Intent::Confirm { endpoint, username } => {
                here.push(format!("{endpoint}: user name {username} is registered, and is noted as the one in force"));
            }
            Intent::Accept { endpoint, entry } => {
                here.push(format!("{endpoint}: accept {entry}; the list stays as it is"));
            }
            Intent::Retire { endpoint, usernames, grace } => {
                let usernames = usernames.join(", ");
                here.push(format!("{endpoint}: refuse {usernames} after {}", shown::length(grace.as_secs())));
            }
        }
    }
    if context.output.is_json() {
        return context.output.json(&json!({"would_write": list, "would_change_here": here}));
    }
    list.iter().chain(&here).try_for_each(|line| context.output.line(visible(line)))
}

fn line(change: &Change) -> String {
    match change {
        Change::Kept(entry) => format!("keep {entry}"),
        Change::KeptWithoutPassword(entry) => format!("keep {entry}, which may lose its password"),
        Change::Added(entry) => format!("add {entry}"),
        Change::Replaced(entry, old) if entry.url() == old.url() => {
            format!("replace {old} by user `{}`", entry.username())
        }
        Change::Replaced(entry, old) => format!("replace {old} by {entry}"),
        Change::Removed(entry) => format!("remove {entry}"),
    }
}
