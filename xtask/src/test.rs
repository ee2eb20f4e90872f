//! `cargo xtask test`.

mod count;

use clap::Args;
use tokio::process::Command;

use crate::Outcome;
use crate::process::{answers, cargo, run_watched};
use crate::run_postgres::with_postgres;
use count::Count;

/// Tells the tests which Postgres to make their databases in.
const VARIABLE: &str = "EQP_TEST_DATABASE_URL";

/// What the command takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For the test runner: a filter, or its flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    runner: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Outcome {
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

async fn watched(mut command: Command, url: &str, count: &mut Count) -> Outcome {
    command.env(VARIABLE, url);
    run_watched(command, &mut |line| count.add(line)).await
}
