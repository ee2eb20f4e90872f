//! One file per verb, one folder per group of verbs.

pub(crate) mod ca;
pub(crate) mod callbacks;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
pub(crate) mod migrate;
mod moment;
pub(crate) mod packages;
mod paging;
mod referred_files;
pub(crate) mod release;
pub(crate) mod reports;
pub(crate) mod reproject;
pub(crate) mod retention;
pub(crate) mod serve;
pub(crate) mod simulator;
pub(crate) mod spool;
pub(crate) mod submissions;
mod track;
pub(crate) mod trigger;
pub(crate) mod wait;
pub(crate) mod whoami;
mod words;

use std::time::Duration;

use crate::cli::Command;
use crate::compose::shutdown;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// How long a thread that is still at work, in a look-up of a host name for instance, may hold up the end.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Runs a verb to its end.
pub(crate) fn run(command: Command, context: Context) -> Outcome {
    match command {
        // These need no runtime: a shell may ask for completions at each start.
        Command::Completions(verb) => verb.run(&context),
        Command::Man(verb) => verb.run(&context),
        Command::Ca(verb) => verb.run(&context),
        other => {
            let runtime = runtime()?;
            let ended = runtime.block_on(shutdown::run(run_async(other, context)));
            runtime.shutdown_timeout(LEFTOVERS);
            ended
        }
    }
}

async fn run_async(command: Command, context: Context) -> Outcome {
    match command {
        Command::Demo(verb) => verb.run(&context).await,
        Command::Serve(verb) => verb.run(&context).await,
        Command::Simulator(verb) => verb.run(&context).await,
        Command::Trigger(verb) => verb.run(&context).await,
        Command::Callbacks(verb) => verb.run(&context).await,
        Command::Events(verb) => verb.run(&context).await,
        Command::Submissions(verb) => verb.run(&context).await,
        Command::Files(verb) => verb.run(&context).await,
        Command::Packages(verb) => verb.run(&context).await,
        Command::Keys(verb) => verb.run(&context).await,
        Command::Reports(verb) => verb.run(&context).await,
        Command::Release(verb) => verb.run(&context).await,
        Command::Wait(verb) => verb.run(&context).await,
        Command::Login(verb) => verb.run(&context).await,
        Command::Logout(verb) => verb.run(&context),
        Command::Whoami(verb) => verb.run(&context).await,
        Command::Doctor(verb) => verb.run(&context).await,
        Command::Migrate(verb) => verb.run(&context).await,
        Command::Spool(verb) => verb.run(&context).await,
        Command::Reproject(verb) => verb.run(&context).await,
        Command::Retention(verb) => verb.run(&context).await,
        Command::Completions(verb) => verb.run(&context),
        Command::Man(verb) => verb.run(&context),
        Command::Ca(verb) => verb.run(&context),
    }
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "cannot start").because(&error))
}
