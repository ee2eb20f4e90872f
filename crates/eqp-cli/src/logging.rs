//! The log: on standard error, apart from data.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Cli, Command};
use crate::failure::{Failure, Outcome};

/// Overrides how much is logged, as `eqp_receiver=debug,info`.
const FILTER: &str = "EQP_LOG";

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// Starts the log. Programs that stay up tell what they do, others only what went wrong.
pub(crate) fn start(cli: &Cli) -> Outcome {
    let (stays, format) = match &cli.command {
        Command::Serve(serve) => (true, serve.log_format),
        _ => (false, LogFormat::Text),
    };
    let level = match (cli.screen.quiet, cli.screen.verbose, stays) {
        (true, _, _) => LevelFilter::ERROR,
        (false, 0, false) => LevelFilter::WARN,
        (false, 0, true) | (false, 1, false) => LevelFilter::INFO,
        (false, 1, true) | (false, 2, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = match std::env::var(FILTER) {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(&directives)
            .map_err(|error| Failure::usage(format!("{FILTER} cannot be read")).because(&error))?,
        // Those below us only speak up when something is wrong; that a source of Postgres is tried once more is not.
        _ => EnvFilter::new(format!(
            "warn,reqwest_retry=error,eqp_cli={level},eqp_receiver={level},eqp_client={level},eqp_simulator={level},eqp_postgres={level}"
        )),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never);
    match format {
        LogFormat::Text => lines.with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
