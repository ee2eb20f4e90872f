//! `eqp`: run your side of the Adobe Commerce Marketplace's Extension Quality Program.

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
mod logging;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::failure::Outcome;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                anstream::eprintln!("{failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Outcome {
    context::choose_colour(cli.screen.color);
    logging::start(&cli)?;
    let context = context::Context::new(&cli)?;
    commands::run(cli.command, context)
}
