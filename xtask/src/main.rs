//! Commands for contributors: `cargo xtask --help`.

mod check;
mod docs;
mod process;
mod public_items;
mod queries;
mod run_postgres;
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
    /// Run every test on a Postgres of its own, doc tests too
    ///
    /// Further arguments go to the test runner (cargo-nextest where it is installed, else `cargo test`); doc tests are
    /// then left out.
    Test(test::Arguments),
    /// Format, lints, licences, docs, wasm32, query data, compose file: everything that must hold before a commit
    Check(check::Arguments),
    /// Generate what is written from the code: pages in docs/, and the list of each crate's public items
    Docs,
    /// What is promised about speed, measured side by side; `cargo xtask bench --help` says more
    #[command(disable_help_flag = true)]
    Bench {
        /// What to measure, and how
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Break everything around the receiver, and see that nothing is lost; `cargo xtask faults --help` says more
    #[command(disable_help_flag = true)]
    Faults {
        /// How many rounds, and by which seed
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The database that queries are checked against
    #[command(subcommand)]
    Db(Db),
}

#[derive(Debug, Subcommand)]
enum Db {
    /// Make the query data in crates/eqp-store/.sqlx again, on a Postgres of its own
    Prepare,
}

/// A command fails with a sentence for its user.
type Result<T = (), E = String> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Docs => generate().await,
        Command::Bench { arguments } => {
            let build = ["run", "--profile", "bench", "--quiet", "--package", "eqp-bench", "--"].map(OsString::from);
            process::run(process::cargo(build.into_iter().chain(arguments))).await
        }
        Command::Faults { arguments } => faults(arguments).await,
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

/// With the tool as the tests build it: what is lost does not hang on speed.
async fn faults(arguments: Vec<OsString>) -> Result {
    process::run(process::cargo(["build", "--quiet", "--package", "eqp-cli", "--bin", "eqp"])).await?;
    let run = ["run", "--quiet", "--package", "eqp-faults", "--"].map(OsString::from);
    process::run(process::cargo(run.into_iter().chain(arguments))).await
}
