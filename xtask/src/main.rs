//! Commands for contributors: `cargo xtask --help`.

mod bench;
mod check;
mod process;
mod queries;
mod run_postgres;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for contributors
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test on a Postgres of its own, doc tests too
    ///
    /// Further arguments go to the test runner (cargo-nextest where it is installed, else `cargo test`); doc tests are
    /// then left out.
    Test(test::Arguments),
    /// Measure speed, side by side with what it is compared to
    Bench(bench::Bench),
    /// Format, lints, licences, docs, wasm32, query data, compose file: everything that must hold before a commit
    Check,
    /// The database that queries are checked against
    #[command(subcommand)]
    Db(Db),
}

#[derive(Debug, Subcommand)]
enum Db {
    /// Make the query data in crates/eqp-receiver/.sqlx again, on a Postgres of its own
    Prepare,
}

/// What every command ends with.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    // Each starts the runtime that suits it: the measurements have one of their own for each server.
    let outcome = match Arguments::parse().command {
        Command::Bench(arguments) => return bench::run(arguments).unwrap_or_else(failed),
        Command::Test(arguments) => block_on(test::run(arguments)),
        Command::Check => block_on(check::run()),
        Command::Db(Db::Prepare) => block_on(queries::prepare()),
    };
    outcome.map_or_else(failed, |()| ExitCode::SUCCESS)
}

fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(command)
}

fn failed(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
