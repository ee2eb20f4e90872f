//! `cargo xtask bench`: measures all performance targets.
//!
//! Absolute figures vary with other load on the machine, so most figures are ratios of interleaved samples. After every
//! sample, all answered callbacks must be stored; otherwise the run fails.
//!
//! `rows/` has the measurements, `load/` the sender, `receivers/` the measured programs, `report/` the results.
//!
//! The program is separate from `xtask`, which must build without the receiver because it generates the query data that
//! the receiver needs.

mod attacker;
mod figure;
mod handler;
mod harness;
mod load;
mod marketplace;
mod postgres;
mod process;
mod projected;
mod readers;
mod receivers;
mod report;
mod rows;
mod scale;
mod session;
mod stored;
mod target;
mod tool;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use attacker::{Attack, Connects, Heads};
use receivers::Receives;
use report::Record;
use rows::{ROWS, Reconciles, Row, Works};
use scale::{Extent, Scale};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measure all performance targets
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  cargo xtask bench --list             # list the benchmarks with their targets and durations
  cargo xtask bench accept burst       # run two of them
  cargo xtask bench --quick --json     # run all in less than ten minutes, and print one object
  cargo xtask bench --write            # run all, then update docs/benchmarks.md and its chart
  cargo xtask bench --kept --write     # update them from the stored results of earlier runs

Results are stored in target/bench, so that benchmarks can be run one by one when the machine is idle.
Ends with 1 where a floor is missed.")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    part: Option<Parts>,
}

#[derive(Debug, Args)]
struct Options {
    /// Benchmarks to run [default: all]
    #[arg(value_name = "ROW", value_parser = row)]
    rows: Vec<&'static Row>,
    #[command(flatten)]
    extent: Shorter,
    /// List the benchmarks and exit
    #[arg(long)]
    list: bool,
    /// Report the stored results of earlier runs without measuring
    #[arg(long)]
    kept: bool,
    #[command(flatten)]
    report: ReportOptions,
}

/// Options for less than a full run.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Shorter {
    /// Run three shorter rounds instead of five; benchmarks that take minutes or have no target run only if they are
    /// named
    #[arg(long)]
    quick: bool,
    /// Run one minimal round, to check that everything works
    #[arg(long, hide = true)]
    smoke: bool,
}

impl Shorter {
    fn extent(&self) -> Extent {
        match (self.quick, self.smoke) {
            (_, true) => Extent::Smoke,
            (true, _) => Extent::Quick,
            _ => Extent::Full,
        }
    }
}

/// The options for the report.
#[derive(Debug, Args)]
struct ReportOptions {
    /// Print one JSON object with median, rounds, floor, aim and result of each figure
    #[arg(long)]
    json: bool,
    /// Write docs/benchmarks.md and its picture from the newest run of every benchmark
    #[arg(long)]
    write: bool,
}

/// The commands for the processes of a run.
#[derive(Debug, Subcommand)]
enum Parts {
    #[command(subcommand, hide = true)]
    Part(Part),
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A receiver.
    Receive(Receives),
    /// Connections that do nothing.
    Idle(Attack),
    /// Wrong passwords.
    Flood(Attack),
    /// New connections.
    Connect(Connects),
    /// Long heads.
    Heads(Heads),
    /// A simulator with this number of packages.
    Marketplace { packages: usize },
    /// Our client, performing one task.
    Work(Works),
    /// A run of reconciliation.
    Reconcile(Reconciles),
}

impl Part {
    fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Receive(options) => receivers::receive(options),
            Self::Idle(options) => attacker::idle(options),
            Self::Flood(options) => attacker::flood(options),
            Self::Connect(options) => attacker::connect(options),
            Self::Heads(options) => attacker::heads(options),
            Self::Marketplace { packages } => marketplace::serve(*packages),
            Self::Work(options) => rows::work(options),
            Self::Reconcile(options) => rows::reconcile(options),
        }
    }
}

fn row(name: &str) -> Result<&'static Row, String> {
    let names = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("the benchmarks are {}", names()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.part {
        Some(Parts::Part(part)) => part.run().map(|()| ExitCode::SUCCESS),
        None => run(&arguments.options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn run(options: &Options) -> Result<ExitCode, Failure> {
    let rows: Vec<&Row> = if options.rows.is_empty() {
        ROWS.iter().filter(|row| !options.extent.quick || row.runs_in_quick()).collect()
    } else {
        options.rows.clone()
    };
    if options.list {
        report::list(&rows);
        return Ok(ExitCode::SUCCESS);
    }
    let extent = options.extent.extent();
    if cfg!(debug_assertions) && !options.kept {
        eprintln!("warning: this is not a release build, so its figures are meaningless; use `cargo xtask bench`");
    }
    let mut records = Vec::new();
    for row in rows {
        let record = if options.kept { Record::kept(row)? } else { Some(Record::make(row, Scale::of(extent))?) };
        let Some(record) = record else { continue };
        if !options.report.json {
            record.figures(row).iter().for_each(|figure| println!("{figure}"));
        }
        records.push((row, record));
    }
    if options.report.json {
        println!("{}", serde_json::to_string_pretty(&report::json(&records))?);
    }
    if options.report.write {
        report::write()?;
    }
    let held = records.iter().flat_map(|(row, record)| record.figures(row)).all(|figure| figure.met() != Some(false));
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
