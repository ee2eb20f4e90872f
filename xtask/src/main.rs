//! Commands for contributors: `cargo xtask --help`.

mod check;
mod check_api;
mod docs;
mod process;
mod public_items;
mod queries;
mod run_postgres;
mod screenshots;
mod test;
mod workspace;

use std::ffi::OsString;
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
    /// Run all tests, including doc tests, with a temporary Postgres
    ///
    /// Arguments are passed to the test runner: cargo-nextest if it is installed, otherwise `cargo test`. With
    /// arguments, doc tests do not run.
    Test(test::Arguments),
    /// Check formatting, lints, licences, documentation, wasm32, query data and the compose file
    Check(check::Arguments),
    /// Test a server against the description of its operator API, with Schemathesis from PyPI
    CheckApi(check_api::Arguments),
    /// Generate pages in docs/ and the list of each crate's public items from the code
    Docs,
    /// Measure all performance targets (see `cargo xtask bench --help`)
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the benchmark program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Inject faults around the receiver, and check that no callback is lost (see `cargo xtask faults --help`)
    #[command(disable_help_flag = true)]
    Faults {
        /// Arguments of the fault test
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write the pictures of pages in docs/images, with Chromium
    Screenshots,
    /// Manage the query data
    #[command(subcommand)]
    Db(Db),
}

#[derive(Debug, Subcommand)]
enum Db {
    /// Regenerate the query data in crates/eqp-store/.sqlx, with a temporary Postgres
    Prepare,
}

/// The result of a command. The error is a sentence for the user.
type Result<T = (), E = String> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::CheckApi(arguments) => check_api::run(arguments).await,
        Command::Docs => generate().await,
        Command::Bench { arguments } => bench(arguments).await,
        Command::Faults { arguments } => faults(arguments).await,
        Command::Screenshots => screenshots::write().await,
        Command::Db(Db::Prepare) => queries::prepare().await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn generate() -> Result {
    docs::write().await?;
    public_items::write().await
}

/// Uses an optimised build, unless nothing is measured: that build takes minutes.
async fn bench(arguments: Vec<OsString>) -> Result {
    let measures_nothing =
        arguments.iter().any(|argument| argument == "--help" || argument == "-h" || argument == "--list");
    let profile = if measures_nothing { "dev" } else { "bench" };
    let run = ["run", "--profile", profile, "--quiet", "--package", "eqp-bench", "--"].map(OsString::from);
    process::run(process::cargo(run.into_iter().chain(arguments))).await
}

/// Uses a debug build of the tool, because these tests do not depend on its speed.
async fn faults(arguments: Vec<OsString>) -> Result {
    process::run(process::cargo(["build", "--quiet", "--package", "eqp-cli", "--bin", "eqp"])).await?;
    let run = ["run", "--quiet", "--package", "eqp-faults", "--"].map(OsString::from);
    process::run(process::cargo(run.into_iter().chain(arguments))).await
}
