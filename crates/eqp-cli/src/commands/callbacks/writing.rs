//! What every change of the list is told and given: passwords of others, the Marketplace and our endpoints, a question
//! before it is written.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use eqp_client::Client;
use eqp_client::callbacks::{Change, Plan};
use eqp_receiver::{Endpoints, PublicUrl};
use eqp_types::Secret;
use serde_json::json;

use crate::compose::client::client;
use crate::compose::database::{Database, Migrate};
use crate::compose::receiver::master_key;
use crate::compose::registration::{EntryMatch, Foreign};
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

    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Shows a plan; asks before it is carried out in production.
    pub(super) fn review(&self, context: &Context, plan: &Plan) -> Outcome {
        if self.dry_run {
            show(context, plan)?;
            return Err(Failure::dry_run());
        }
        for change in plan.changes() {
            context.output.note(visible(&line(change)));
        }
        let environment = context.settings.marketplace.environment();
        context.confirmation.ask(environment, "Write this list of callbacks")
    }
}

/// Works with the Marketplace and our endpoints; leaves the database whatever comes.
pub(super) async fn with_both<T>(
    context: &Context,
    work: impl AsyncFnOnce(&Client, &Endpoints) -> Outcome<T>,
) -> Outcome<T> {
    let client = client(&context.settings.marketplace)?;
    let key = master_key(&context.settings.data.open()?)?;
    let database = Database::open(context, Migrate::WhenEmpty).await?;
    let done = async {
        let endpoints = Endpoints::open(database.pool().clone(), key).await?;
        work(&client, &endpoints).await
    }
    .await;
    database.close().await?;
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

/// The plan as data.
fn show(context: &Context, plan: &Plan) -> Outcome {
    let lines: Vec<_> = plan.changes().iter().map(line).collect();
    if context.output.is_json() {
        return context.output.json(&json!({"would_write": lines}));
    }
    lines.iter().try_for_each(|line| context.output.line(line))
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
