//! `eqp`: run your side of the Adobe Commerce Marketplace's Extension Quality Program.
//!
//! A program, and no library for others: what they need is in the crates that it is made of.

#![allow(
    clippy::doc_markdown,
    reason = "comments on arguments are what a terminal shows as help: backticks would stay"
)]

mod cli;
mod commands;
mod compose;
mod config;
mod context;
mod demo;
mod duration;
mod failure;
#[doc(hidden)]
pub mod fuzzing;
mod logging;
mod manifest;
mod output;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

/// Runs the tool with the arguments and the environment of this process; answers with its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return misread(&error),
    };
    let is_json = cli.screen.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                output::report(&failure, is_json);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The command line, from which tests and pages learn which commands there are.
#[doc(hidden)]
pub fn definition() -> clap::Command {
    Cli::definition()
}

/// A command line that cannot be read, or that asks for help: who wants JSON gets errors as JSON too.
fn misread(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    let text = error.to_string();
    if !wants_json || !error.use_stderr() {
        // An argument may be text of others: a script passed on what it was given.
        if error.use_stderr() && output::screened(&text) != text {
            output::notice(&text);
            return ExitCode::from(failure::Exit::Usage as u8);
        }
        error.exit();
    }
    let mut lines = text.lines().map(|line| line.trim().trim_start_matches("error: ")).filter(|line| !line.is_empty());
    let failure = Failure::usage(lines.next().unwrap_or("the command line cannot be read"));
    let is_advice = |line: &str| ["tip: ", "For more"].iter().any(|start| line.starts_with(start));
    let failure = lines.fold(failure, |failure, line| match line.trim_start_matches("tip: ") {
        advice if is_advice(line) => failure.next(advice),
        reason => failure.why(reason),
    });
    output::report(&failure, true);
    ExitCode::from(failure::Exit::Usage as u8)
}

fn run(cli: Cli) -> Outcome {
    context::choose_colour(cli.screen.color);
    logging::start(&cli)?;
    let context = context::Context::new(&cli)?;
    commands::run(cli.command, context)
}
