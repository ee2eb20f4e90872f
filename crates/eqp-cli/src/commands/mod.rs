//! The commands. Each has a file named after it, and each group of commands a folder.

pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod ca;
pub(crate) mod callbacks;
mod checklist;
pub(crate) mod deliveries;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod find;
pub(crate) mod generated;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod listen;
pub(crate) mod listings;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod migrate;
#[cfg(feature = "schema")]
pub(crate) mod output_schemas;
pub(crate) mod packages;
mod paging;
pub(crate) mod products;
pub(crate) mod reconcile;
pub(crate) mod release;
pub(crate) mod replays;
pub(crate) mod reports;
pub(crate) mod reproject;
pub(crate) mod retention;
pub(crate) mod serve;
#[cfg(feature = "simulator")]
pub(crate) mod simulator;
pub(crate) mod spool;
pub(crate) mod status;
mod statuses;
pub(crate) mod submissions;
pub(crate) mod subscriptions;
mod then;
pub(crate) mod token;
pub(crate) mod tools;
#[cfg(feature = "simulator")]
pub(crate) mod trigger;
mod upgrade;
pub(crate) mod wait;
pub(crate) mod whoami;

use std::time::Duration;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::notice;
use crate::shutdown;

/// The time that a running blocking thread, such as a DNS lookup, may delay the exit.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// The commands of the tool.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Status(status::ShowStatus),
    Find(find::Find),
    #[cfg(all(feature = "embedded", feature = "simulator"))]
    Demo(crate::demo::Demo),
    Serve(serve::Serve),
    #[cfg(feature = "simulator")]
    Simulator(simulator::Simulator),
    #[cfg(feature = "simulator")]
    Trigger(trigger::Trigger),
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    #[command(subcommand)]
    Products(products::Products),
    #[command(subcommand)]
    Callbacks(callbacks::Callbacks),
    #[command(subcommand)]
    Events(events::Events),
    #[command(subcommand)]
    Submissions(submissions::Submissions),
    #[command(subcommand)]
    Files(files::Files),
    #[command(subcommand)]
    Subscriptions(subscriptions::Subscriptions),
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    Listen(Box<listen::Listen>),
    #[command(subcommand)]
    Replays(replays::Replays),
    #[command(subcommand)]
    Packages(packages::Packages),
    #[command(subcommand)]
    Listings(listings::Listings),
    #[command(subcommand)]
    Tools(tools::Tools),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    Reports(reports::Reports),
    Reconcile(reconcile::Reconcile),
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    Release(Box<release::Release>),
    Wait(wait::Wait),
    Init(init::Init),
    Login(login::Login),
    Logout(logout::Logout),
    Whoami(whoami::Whoami),
    Doctor(doctor::Doctor),
    Migrate(migrate::Migrate),
    Spool(spool::Spool),
    Reproject(reproject::Reproject),
    Retention(retention::Retention),
    #[command(subcommand)]
    Token(token::Tokens),
    #[command(subcommand)]
    Audit(audit::Audit),
    Ca(ca::Ca),
    Completions(generated::Completions),
    Man(generated::Man),
}

impl Command {
    /// Returns whether the command uses neither a database nor a server.
    fn calls_only_the_marketplace(&self) -> bool {
        matches!(
            self,
            Self::Packages(_) | Self::Listings(_) | Self::Keys(_) | Self::Reports(_) | Self::Login(_) | Self::Whoami(_)
        )
    }
}

/// Runs a command. `definition` returns the definition of the command line, from which completions and manual pages are
/// generated.
pub(crate) fn run(command: Command, context: Context, definition: fn() -> clap::Command) -> Result {
    match command {
        // These commands need no runtime. Completions should be fast, because a shell may run them each time it starts.
        Command::Completions(verb) => verb.run(&context, definition()),
        Command::Man(verb) => verb.run(&context, definition()),
        other => {
            let runtime = runtime()?;
            let ended = runtime.block_on(shutdown::run(run_async(other, context, definition)));
            runtime.shutdown_timeout(LEFTOVERS);
            ended
        }
    }
}

async fn run_async(command: Command, context: Context, definition: fn() -> clap::Command) -> Result {
    // A server that is configured for all commands is not mentioned.
    if command.calls_only_the_marketplace() && context.flags.iter().any(|flag| flag == "server") {
        notice("--server has no effect: this command calls the Marketplace directly");
    }
    match command {
        Command::Status(verb) => Box::pin(verb.run(&context)).await,
        Command::Find(verb) => verb.run(&context).await,
        #[cfg(all(feature = "embedded", feature = "simulator"))]
        Command::Demo(verb) => verb.run(&context).await,
        Command::Serve(verb) => verb.run(&context).await,
        #[cfg(feature = "simulator")]
        Command::Simulator(verb) => verb.run(&context).await,
        #[cfg(feature = "simulator")]
        Command::Trigger(verb) => verb.run(&context).await,
        Command::Accounts(verb) => verb.run(&context).await,
        Command::Products(verb) => verb.run(&context).await,
        Command::Listings(verb) => verb.run(&context).await,
        Command::Callbacks(verb) => verb.run(&context).await,
        Command::Events(verb) => Box::pin(verb.run(&context)).await,
        Command::Submissions(verb) => verb.run(&context).await,
        Command::Files(verb) => verb.run(&context).await,
        Command::Subscriptions(verb) => Box::pin(verb.run(&context)).await,
        Command::Deliveries(verb) => verb.run(&context).await,
        Command::Listen(verb) => Box::pin(verb.run(&context)).await,
        Command::Replays(verb) => verb.run(&context).await,
        Command::Packages(verb) => verb.run(&context).await,
        Command::Tools(verb) => verb.run(&context).await,
        Command::Keys(verb) => verb.run(&context).await,
        Command::Reports(verb) => verb.run(&context).await,
        Command::Reconcile(verb) => Box::pin(verb.run(&context)).await,
        Command::Alerts(verb) => verb.run(&context).await,
        Command::Release(verb) => Box::pin(verb.run(&context)).await,
        Command::Wait(verb) => verb.run(&context).await,
        Command::Init(verb) => verb.run(&context, definition()).await,
        Command::Login(verb) => verb.run(&context).await,
        Command::Logout(verb) => verb.run(&context).await,
        Command::Whoami(verb) => verb.run(&context).await,
        Command::Doctor(verb) => verb.run(&context).await,
        Command::Migrate(verb) => verb.run(&context).await,
        Command::Spool(verb) => verb.run(&context).await,
        Command::Reproject(verb) => verb.run(&context).await,
        Command::Retention(verb) => verb.run(&context).await,
        Command::Token(verb) => verb.run(&context).await,
        Command::Audit(verb) => verb.run(&context).await,
        Command::Ca(verb) => verb.run(&context).await,
        Command::Completions(_) | Command::Man(_) => unreachable!("these run without a runtime"),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cannot start").because(&error))
}
