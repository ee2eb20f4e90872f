//! `eqp`, the operator tool of the EQP Integration Platform.
//!
//! This crate is a program. Other programs should use the library crates that it is built on.

#![allow(
    clippy::doc_markdown,
    reason = "comments on arguments are shown as help in a terminal, where backticks would remain"
)]

mod arguments;
mod change;
mod cli;
mod commands;
mod completion;
mod compose;
mod config;
mod context;
#[cfg(all(feature = "embedded", feature = "simulator"))]
mod demo;

mod failure;
#[doc(hidden)]
pub mod fuzzing;
mod logging;

mod output;
#[doc(hidden)]
pub mod reference;
mod sanitize;

mod shutdown;
mod text;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::failure::{Failure, Result};

/// Runs the tool with the arguments and the environment of this process. Returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(words) = completion::requested() {
        completion::run(&words, Cli::definition);
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return misread(&error),
    };
    let is_json = cli.output.json;
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

/// Returns the definition of the command line, for tests and generated pages.
#[doc(hidden)]
pub fn definition() -> clap::Command {
    Cli::definition()
}

/// Reports a command line that cannot be parsed (as JSON if --json was given), or prints help.
fn misread(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    let text = error.to_string();
    if !wants_json || !error.use_stderr() {
        // An argument may contain external text that a script passed on.
        if error.use_stderr() && output::sanitized(&text) != text {
            output::notice(&text);
            return ExitCode::from(failure::Exit::Usage as u8);
        }
        error.exit();
    }
    let mut lines = text.lines().map(|line| line.trim().trim_start_matches("error: ")).filter(|line| !line.is_empty());
    let failure = Failure::usage(lines.next().unwrap_or("the command line cannot be parsed"));
    let is_advice = |line: &str| ["tip: ", "For more"].iter().any(|start| line.starts_with(start));
    let failure = lines.fold(failure, |failure, line| match line.trim_start_matches("tip: ") {
        advice if is_advice(line) => failure.next(advice),
        reason => failure.why(reason),
    });
    output::report(&failure, true);
    ExitCode::from(failure::Exit::Usage as u8)
}

fn run(cli: Cli) -> Result {
    output::set_color_choice(cli.output.color);
    cli.start_log()?;
    let context = cli.context()?;
    commands::run(cli.command, context, Cli::definition)
}
