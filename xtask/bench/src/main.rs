//! What is promised about speed, measured side by side in one run: `cargo xtask bench`.
//!
//! Absolute figures drift with whatever else the machine does, so most figures are ratios of programs that took turns.
//! After every turn all answered callbacks are looked for: speed that loses one does not count.
//!
//! `rows/` is the list of what is measured; `load/` sends, `receivers/` are sent to, `report/` tells what came of it.
//!
//! A program apart from `xtask`, which must build without the receiver: it makes the query data that the receiver needs.

mod contender;
mod figure;
mod ground;
mod intruder;
mod load;
mod marketplace;
mod postgres;
mod process;
mod projected;
mod receivers;
mod report;
mod rows;
mod scale;
mod session;
mod stored;
mod tool;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use intruder::{Connects, Heads, Intrudes};
use receivers::Receives;
use report::Record;
use rows::{ROWS, Row, Works};
use scale::{Extent, Scale};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is promised about speed, measured side by side
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  cargo xtask bench --list             # the rows, what each promises, how long it takes
  cargo xtask bench accept burst       # two of them
  cargo xtask bench --quick --json     # all, in less than ten minutes, as one object
  cargo xtask bench --write            # all, then docs/benchmarks.md and its picture
  cargo xtask bench --kept --write     # the same from what earlier runs have found

What a run finds is kept in target/bench, so that rows can be measured one by one, when the machine is quiet.
Ends with 1 where a floor is missed.")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    part: Option<Parts>,
}

#[derive(Debug, Args)]
struct Options {
    /// Rows to measure [default: all]
    #[arg(value_name = "ROW", value_parser = row)]
    rows: Vec<&'static Row>,
    #[command(flatten)]
    extent: Shorter,
    /// List the rows and end
    #[arg(long)]
    list: bool,
    /// Measure nothing; tell what earlier runs have found
    #[arg(long)]
    kept: bool,
    #[command(flatten)]
    tell: Tell,
}

/// Less than everything in five rounds.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Shorter {
    /// Three shorter rounds instead of five; a row without a promise is measured only where it is named
    #[arg(long)]
    quick: bool,
    /// One round of next to nothing: whether everything runs
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

/// How what was found is told.
#[derive(Debug, Args)]
struct Tell {
    /// Print one JSON object: under each id its median, rounds, floor, aim, and whether it is met
    #[arg(long)]
    json: bool,
    /// Write docs/benchmarks.md and its picture from the newest run of every row
    #[arg(long)]
    write: bool,
}

/// This program again, as one of its parts.
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
    Idle(Intrudes),
    /// Wrong passwords.
    Flood(Intrudes),
    /// New connections.
    Connect(Connects),
    /// Long heads.
    Heads(Heads),
    /// A simulator with so many packages.
    Marketplace { packages: usize },
    /// Our client at one task.
    Work(Works),
}

impl Part {
    fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Receive(told) => receivers::receive(told),
            Self::Idle(told) => intruder::idle(told),
            Self::Flood(told) => intruder::flood(told),
            Self::Connect(told) => intruder::connect(told),
            Self::Heads(told) => intruder::heads(told),
            Self::Marketplace { packages } => marketplace::serve(*packages),
            Self::Work(told) => rows::work(told),
        }
    }
}

fn row(name: &str) -> Result<&'static Row, String> {
    let names = || ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("the rows are {}", names()))
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
        ROWS.iter().filter(|row| !(options.extent.quick && row.promises.is_empty())).collect()
    } else {
        options.rows.clone()
    };
    if options.list {
        report::list(&rows);
        return Ok(ExitCode::SUCCESS);
    }
    let extent = options.extent.extent();
    if cfg!(debug_assertions) && !options.kept {
        eprintln!("warning: not a release build, whose figures mean nothing; use `cargo xtask bench`");
    }
    let mut records = Vec::new();
    for row in rows {
        let record = if options.kept { Record::kept(row)? } else { Some(Record::make(row, Scale::of(extent))?) };
        let Some(record) = record else { continue };
        if !options.tell.json {
            record.figures(row).iter().for_each(|figure| println!("{figure}"));
        }
        records.push((row, record));
    }
    if options.tell.json {
        println!("{}", serde_json::to_string_pretty(&report::json(&records))?);
    }
    if options.tell.write {
        report::write()?;
    }
    let held = records.iter().flat_map(|(row, record)| record.figures(row)).all(|figure| figure.met() != Some(false));
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
