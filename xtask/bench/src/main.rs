//! What is promised about speed, measured side by side in one run: `cargo xtask bench`.
//!
//! Absolute figures drift with whatever else the machine does, so each figure is a ratio of two programs that took
//! turns. After every turn all answered callbacks are looked for: speed that loses one does not count.
//!
//! A program apart from `xtask`, which must build without the receiver: it makes the query data that the receiver needs.

mod accept;
mod check;
mod client;
mod figure;
mod load;
mod marketplace;
mod rival;
mod server;
mod session;
mod simulator;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What to measure.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
enum Arguments {
    /// Durable callbacks per second, against a receiver that makes one INSERT per request.
    Accept(accept::Options),
    /// A check of an archive as large as the store takes.
    Check(check::Options),
    /// A page of the simulator's list, while it holds many packages.
    Simulator(simulator::Options),
    /// Our client: an upload beside curl, and the memory of that and of a long list.
    Client(client::Options),
    /// One of the programs that are measured, as a process of its own.
    #[command(hide = true)]
    Serve { receiver: server::Kind, database: String },
    /// A simulator, as a process of its own.
    #[command(hide = true)]
    ServeMarketplace { packages: usize },
    /// Our client at one task, as a process of its own.
    #[command(hide = true)]
    ClientTask { task: client::Task, archive: PathBuf },
}

impl Arguments {
    /// Measures, and is not one of the programs that are measured.
    fn measures(&self) -> bool {
        !matches!(self, Self::Serve { .. } | Self::ServeMarketplace { .. } | Self::ClientTask { .. })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if cfg!(debug_assertions) && arguments.measures() {
        eprintln!("warning: not a release build, whose figures mean nothing; use `cargo xtask bench`");
    }
    let outcome = match arguments {
        Arguments::Accept(options) => accept::run(&options),
        Arguments::Check(options) => check::run(&options),
        Arguments::Simulator(options) => simulator::run(&options),
        Arguments::Client(options) => client::run(&options),
        Arguments::ServeMarketplace { packages } => marketplace::serve(packages).map(|()| ExitCode::SUCCESS),
        Arguments::ClientTask { task, archive } => client::work(task, &archive).map(|()| ExitCode::SUCCESS),
        Arguments::Serve { receiver, database } => server::serve(receiver, &database).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
