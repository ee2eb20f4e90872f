//! `cargo xtask bench`: what is promised about speed, measured side by side in one run.
//!
//! Absolute figures drift with whatever else the machine does, so each figure is a ratio of two programs that took
//! turns. After every turn all answered callbacks are looked for: speed that loses one does not count.

mod accept;
mod figure;
mod load;
mod rival;
mod server;

use std::process::{Command, ExitCode};

use clap::{Args, Subcommand};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Durable callbacks per second, against a receiver that makes one INSERT per request.
    Accept(accept::Options),
    /// One of the programs that are measured, as a process of its own.
    #[command(hide = true)]
    Serve { receiver: server::Kind, database: String },
}

/// Measures, after building for release where this is not such a build.
pub(crate) fn run(bench: Bench) -> Result<ExitCode, Failure> {
    if cfg!(debug_assertions) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let status = cargo
            .args(["run", "--release", "--quiet", "--package", "xtask", "--"])
            .args(std::env::args_os().skip(1))
            .status()?;
        return Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
    }
    match bench.what {
        What::Accept(options) => accept::run(&options),
        What::Serve { receiver, database } => server::serve(receiver, &database).map(|()| ExitCode::SUCCESS),
    }
}
