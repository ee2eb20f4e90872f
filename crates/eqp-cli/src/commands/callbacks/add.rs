//! `eqp callbacks add`.

use std::path::Path;

use clap::Args;
use eqp_client::callbacks::{Change, Plan};
use eqp_receiver::{Endpoints, PublicUrl};
use eqp_types::Secret;
use serde_json::json;

use crate::compose::client::client;
use crate::compose::database::{Database, Migrate};
use crate::compose::receiver::master_key;
use crate::compose::registration::{EntryMatch, Foreign, NewCallback, Registered, register};
use crate::config::read_secret;
use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Register a callback: make its endpoint and credential here, then add it to the Marketplace's list
///
/// The API knows the list only as a whole and never shows a password. So the list is read, merged, compared, written
/// and read back; entries of others stay, and a list with an entry whose password is not known here is not written
/// unless that password is supplied or may be lost.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main
  # behind a proxy that rewrites the path
  eqp callbacks add --name main --url https://eqp.example.com/eqp --path /callbacks/main
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main \\
      --password-of https://other.example.com/hook=other-password.txt")]
pub(crate) struct Add {
    /// Name of the endpoint, and label of the entry
    #[arg(long, value_name = "NAME")]
    name: String,
    /// URL that the Marketplace sends to; https only
    #[arg(long, value_name = "URL")]
    url: String,
    /// Path at which the receiver answers [default: the URL's]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
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

impl Add {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let url: PublicUrl = self.url.parse().map_err(|error| {
            Failure::usage("this URL cannot be registered")
                .because(&error as &eqp_receiver::PublicUrlError)
                .next("give the receiver's public address, such as https://eqp.example.com/callbacks/main")
        })?;
        let foreign = Foreign {
            passwords: self.password_of.iter().map(|text| password_of(text)).collect::<Outcome<_>>()?,
            may_lose: self.may_lose_password.iter().map(|text| EntryMatch::parse(text)).collect(),
        };
        let client = client(&context.settings.marketplace)?;
        let data = context.settings.data.open()?;
        let key = master_key(&data)?;
        let new = NewCallback { name: self.name, url, path: self.path };

        let database = Database::open(context, Migrate::WhenEmpty).await?;
        let registered = async {
            let endpoints = Endpoints::open(database.pool().clone(), key).await?;
            let review = |plan: &Plan| {
                if self.dry_run {
                    show(context, plan)?;
                    return Err(Failure::dry_run());
                }
                for change in plan.changes() {
                    context.output.note(line(change));
                }
                context.confirmation.ask(client.environment(), "Write this list of callbacks")
            };
            register(&client, &endpoints, &new, &foreign, review).await
        }
        .await;
        database.close().await?;
        report(context, &registered?)
    }
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
        Change::Replaced(entry, old) => format!("replace {old} by {entry}"),
        Change::Removed(entry) => format!("remove {entry}"),
    }
}

fn report(context: &Context, registered: &Registered) -> Outcome {
    let Registered { endpoint, username, already, entries, remaining } = registered;
    for entry in remaining {
        context.output.note(format_args!("still there, because this server adds to its list: {entry}"));
    }
    if context.output.is_json() {
        return context.output.json(&json!({
            "environment": endpoint.environment,
            "mage_id": endpoint.mage_id,
            "name": endpoint.name,
            "url": endpoint.public_url,
            "path": endpoint.path,
            "username": username,
            "already_registered": already,
            "callbacks": entries,
        }));
    }
    let done = if *already { "is registered already, nothing was changed" } else { "is registered" };
    context.output.line(format_args!(
        "{} of {} in {} {done}: {} with user name {username}; the receiver answers at {}",
        endpoint.name, endpoint.mage_id, endpoint.environment, endpoint.public_url, endpoint.path
    ))
}
