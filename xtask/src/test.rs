//! `cargo xtask test`: runs the tests with one Postgres for the whole run.

mod count;

use clap::Args;
use tokio::process::Command;

use crate::Result;
use crate::process::{answers, cargo, run_watched};
use crate::run_postgres::with_postgres;
use count::Count;

/// The environment variable with the Postgres that tests create their databases in.
pub(crate) const VARIABLE: &str = "EQP_TEST_DATABASE_URL";

/// The arguments of the command.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Filter or options for the test runner
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    runner: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result {
    let mut count = Count::default();
    let outcome = with_postgres(async |postgres| {
        let url = postgres.url("postgres");
        let nextest = answers(cargo(["nextest", "--version"])).await;
        let mut runner = cargo(if nextest { &["nextest", "run"][..] } else { &["test", "--tests"] });
        runner.arg("--no-fail-fast");
        if !arguments.runner.iter().any(|argument| argument == "-p" || argument.starts_with("--package")) {
            runner.arg("--workspace");
        }
        runner.args(&arguments.runner);
        let tests = watched(runner, &url, &mut count).await;
        let documentation = if arguments.runner.is_empty() {
            watched(cargo(["test", "--workspace", "--doc", "--no-fail-fast"]), &url, &mut count).await
        } else {
            Ok(())
        };
        tests.and(documentation)
    })
    .await;
    println!("{count}");
    outcome
}

async fn watched(mut command: Command, url: &str, count: &mut Count) -> Result {
    command.env(VARIABLE, url);
    run_watched(command, &mut |line| count.add(line)).await
}
