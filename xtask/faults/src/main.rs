//! What is promised about durability, tried by breaking everything around it: `cargo xtask faults`.
//!
//! Two receivers, as `eqp serve` runs them, stand on one Postgres. A sender, a process of its own, keeps a ledger of every
//! id that it was answered. In each round something goes wrong, chosen by a seed; then everything is made well
//! again, and when it has come to rest, what the database holds is compared with the ledger.
//!
//! A round depends on the seed and its own number only, so that one that went wrong can be run again alone.

mod body;
mod deadline;
mod fault;
mod house;
mod ledger;
mod receiver;
mod report;
mod rest;
mod round;
mod schedule;
mod sender;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::house::House;
use crate::report::Report;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Break everything around the receiver, and see that nothing is lost and nothing doubled
#[derive(Debug, Parser)]
#[command(name = "cargo xtask faults", bin_name = "cargo xtask faults")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    role: Option<Role>,
}

/// How to run.
#[derive(Args, Debug)]
struct Options {
    /// How many rounds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// What the faults are drawn by [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// The number of the first round, to run one again that went wrong
    #[arg(long, default_value_t = 1, value_name = "ROUND", value_parser = clap::value_parser!(u32).range(1..))]
    first: u32,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// The tool [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    eqp: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Role {
    /// The sender, as a process of its own.
    #[command(hide = true)]
    Send,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Arguments { options, role } = Arguments::parse();
    let outcome = match role {
        Some(Role::Send) => sender::work().await.map(|()| ExitCode::SUCCESS),
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
    // Whatever ends first: when this is dropped, so is all that was started.
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
    let mut house = House::open(eqp).await?;
    let mut report = Report::new(seed, options.first, house.not_made());
    for note in &report.not_made {
        eprintln!("not made: {note}");
    }
    let mut outcome = Ok(());
    for number in options.first..options.first.saturating_add(options.rounds) {
        outcome = round::run(&mut house, seed, number, &mut report).await;
        if outcome.is_err() || !report.is_good() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = house.end(&mut report).await;
    }
    if let Err(error) = outcome {
        report.wrong(None, "could not go on", [error]);
    }
    if !report.is_good() {
        eprintln!("logs and ledger are kept: {}", house.keep().display());
    }
    Ok(report)
}

/// Cancelled by Ctrl-C, and by a request to terminate.
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
