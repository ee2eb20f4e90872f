//! One file per verb, one folder per group of verbs.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod ca;
pub(crate) mod callbacks;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod generated;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod packages;
mod paging;
pub(crate) mod reconcile;
pub(crate) mod release;
pub(crate) mod reports;
pub(crate) mod reproject;
pub(crate) mod retention;
pub(crate) mod serve;
#[cfg(feature = "simulator")]
pub(crate) mod simulator;
pub(crate) mod spool;
mod status;
pub(crate) mod submissions;
#[cfg(feature = "simulator")]
pub(crate) mod trigger;
mod upgrade;
pub(crate) mod wait;
pub(crate) mod whoami;

use std::time::Duration;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::shutdown;

/// How long a running thread, such as a DNS lookup, may delay the exit.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
    Callbacks(callbacks::Callbacks),
    #[command(subcommand)]
    Events(events::Events),
    #[command(subcommand)]
    Submissions(submissions::Submissions),
    #[command(subcommand)]
    Files(files::Files),
    #[command(subcommand)]
    Packages(packages::Packages),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    Reports(reports::Reports),
    Reconcile(reconcile::Reconcile),
    Release(Box<release::Release>),
    Wait(wait::Wait),
    Login(account::Login),
    Logout(account::Logout),
    Whoami(whoami::Whoami),
    Doctor(doctor::Doctor),
    Migrate(migrate::Migrate),
    Spool(spool::Spool),
    Reproject(reproject::Reproject),
    Retention(retention::Retention),
    Ca(ca::Ca),
    Completions(generated::Completions),
    Man(generated::Man),
}

/// Runs a command. `definition` is that of the whole command line, for pages that are made from it.
pub(crate) fn run(command: Command, context: Context, definition: fn() -> clap::Command) -> Result {
    match command {
        // These need no runtime: a shell may ask for completions at each start.
        Command::Completions(verb) => verb.run(&context, definition()),
        Command::Man(verb) => verb.run(&context, definition()),
        other => {
            let runtime = runtime()?;
            let ended = runtime.block_on(shutdown::run(run_async(other, context)));
            runtime.shutdown_timeout(LEFTOVERS);
            ended
        }
    }
}

async fn run_async(command: Command, context: Context) -> Result {
    match command {
        #[cfg(all(feature = "embedded", feature = "simulator"))]
        Command::Demo(verb) => verb.run(&context).await,
        Command::Serve(verb) => verb.run(&context).await,
        #[cfg(feature = "simulator")]
        Command::Simulator(verb) => verb.run(&context).await,
        #[cfg(feature = "simulator")]
        Command::Trigger(verb) => verb.run(&context).await,
        Command::Accounts(verb) => verb.run(&context).await,
        Command::Callbacks(verb) => verb.run(&context).await,
        Command::Events(verb) => verb.run(&context).await,
        Command::Submissions(verb) => verb.run(&context).await,
        Command::Files(verb) => verb.run(&context).await,
        Command::Packages(verb) => verb.run(&context).await,
        Command::Keys(verb) => verb.run(&context).await,
        Command::Reports(verb) => verb.run(&context).await,
        Command::Reconcile(verb) => Box::pin(verb.run(&context)).await,
        Command::Release(verb) => Box::pin(verb.run(&context)).await,
        Command::Wait(verb) => verb.run(&context).await,
        Command::Login(verb) => verb.run(&context).await,
        Command::Logout(verb) => verb.run(&context).await,
        Command::Whoami(verb) => verb.run(&context).await,
        Command::Doctor(verb) => verb.run(&context).await,
        Command::Migrate(verb) => verb.run(&context).await,
        Command::Spool(verb) => verb.run(&context).await,
        Command::Reproject(verb) => verb.run(&context).await,
        Command::Retention(verb) => verb.run(&context).await,
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
