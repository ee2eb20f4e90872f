//! `cargo xtask faults`: tests the durability guarantees with faults in everything around the receiver.
//!
//! Two receivers and two workers, run by `eqp serve`, share one Postgres. A sender in another process keeps a journal of
//! every answered ID, and a handler in another process one of every delivered event. In each round, faults chosen by a
//! seed are injected and repaired; when the system is quiescent, the database is compared with the journals.
//!
//! A round depends only on the seed and its number, so that a failed round can be repeated alone.

mod body;
mod deadline;
mod deliveries;
mod fault;
mod handler;
mod input;
mod journal;
mod quiesce;
mod receiver;
mod report;
mod round;
mod schedule;
mod sender;
mod setup;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::report::Report;
use crate::setup::TestSetup;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Inject faults around the receiver, and check that no callback is lost or stored twice
#[derive(Debug, Parser)]
#[command(name = "cargo xtask faults", bin_name = "cargo xtask faults")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The arguments.
#[derive(Args, Debug)]
struct Options {
    /// Number of rounds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seed of the faults [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Number of the first round, to repeat a failed one
    #[arg(long, default_value_t = 1, value_name = "ROUND", value_parser = clap::value_parser!(u32).range(1..))]
    first: u32,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Path of the tool [default: next to this program]
    #[arg(long, value_name = "FILE")]
    eqp: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
enum Role {
    /// Runs the sender process.
    #[command(hide = true)]
    Send,
    /// Runs the process of the handler.
    #[command(hide = true)]
    Handle { journal: PathBuf },
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Arguments { options, role } = Arguments::parse();
    let outcome = match role {
        Some(Role::Send) => sender::work().await.map(|()| ExitCode::SUCCESS),
        Some(Role::Handle { journal }) => handler::work(&journal).await.map(|()| ExitCode::SUCCESS),
        None => run(&options).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let eqp = match &options.eqp {
        Some(eqp) => eqp.clone(),
        None => std::env::current_exe()?.with_file_name("eqp"),
    };
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let stop = stop_on_signal()?;
    // Whichever ends first: dropping the setup stops every process that it started.
    let Some(report) = stop.run_until_cancelled(Box::pin(rounds(options, seed, &eqp))).await else {
        return Err("interrupted".into());
    };
    let report = report?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn rounds(options: &Options, seed: u64, eqp: &Path) -> Result<Report, Failure> {
    let mut setup = TestSetup::open(eqp).await?;
    let mut report = Report::new(seed, options.first, setup.unavailable());
    for note in &report.unavailable {
        eprintln!("not made: {note}");
    }
    let mut outcome = Ok(());
    for number in options.first..options.first.saturating_add(options.rounds) {
        outcome = round::run(&mut setup, seed, number, &mut report).await;
        if outcome.is_err() || !report.is_good() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = setup.end(&mut report).await;
    }
    if let Err(error) = outcome {
        report.wrong(None, "could not continue", [error]);
    }
    if !report.is_good() {
        eprintln!("logs and journal are in {}", setup.keep().display());
    }
    Ok(report)
}

/// Returns a token that Ctrl-C and SIGTERM cancel.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}
