//! Sets up logging to standard error, separate from data.

use std::io::Write;

use clap::ValueEnum;
use tracing::Metadata;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::{Failure, Result};
use crate::output::{OutputOptions, escaped_json, logged};

/// The environment variable that sets the log levels, such as `eqp_receiver=debug,info`.
const FILTER: &str = "EQP_LOG";
const EXAMPLE: &str = "write it like EQP_LOG=eqp_receiver=debug,info";
/// The targets whose level -v raises.
const OURS: [&str; 11] = [
    "eqp_cli",
    "eqp_client",
    "eqp_console",
    "eqp_deliver",
    "eqp_postgres",
    "eqp_receiver",
    "eqp_release",
    "eqp_simulator",
    "eqp_store",
    "eqp_sync",
    "eqp_tls",
];

/// The format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// Starts logging. Services log at level info in the format `stays_up`; other commands only log warnings and errors.
pub(crate) fn start(options: OutputOptions, stays_up: Option<LogFormat>) -> Result {
    let format = stays_up.unwrap_or_default();
    let level = match (options.quiet, options.verbose, stays_up.is_some()) {
        (true, _, _) => LevelFilter::ERROR,
        (false, 0, false) => LevelFilter::WARN,
        (false, 0, true) | (false, 1, false) => LevelFilter::INFO,
        (false, 1, true) | (false, 2, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let targets = match std::env::var(FILTER) {
        Ok(directives) if !directives.is_empty() => directives
            .parse()
            .map_err(|error| Failure::usage(format!("{FILTER} cannot be read")).because(&error).next(EXAMPLE))?,
        // Dependencies only log warnings. A retried download of Postgres does not count as one.
        _ => Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("reqwest_retry", LevelFilter::ERROR)
            // A connection that is returned while Postgres stops is closed, which is harmless.
            .with_target("sqlx_core::pool::connection", LevelFilter::ERROR)
            .with_targets(OURS.map(|target| (target, level))),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Lines { to: std::io::stderr(), format })
        .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets.and(filter_fn(shows_no_password)))).init();
    Ok(())
}

/// Returns false for the log line in which sqlx repeats a malformed line of `.pgpass`, which contains a password.
fn shows_no_password(metadata: &Metadata<'_>) -> bool {
    metadata.target() != "sqlx_postgres::options::pgpass" || metadata.fields().field("line").is_none()
}

/// Writes whole log lines to standard error. Values in them may contain external text, which is escaped.
struct Lines<W> {
    to: W,
    format: LogFormat,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        // An event is written at once, with one line end of our own.
        let text = String::from_utf8_lossy(event);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let line = match self.format {
            LogFormat::Text => logged(line),
            LogFormat::Json => escaped_json(line),
        };
        self.to.write_all(line.as_bytes())?;
        self.to.write_all(end.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_in_which_nothing_is_hidden() {
        let mut lines = Lines { to: Vec::new(), format: LogFormat::Text };
        lines.write_all(b"\x1b[2mINFO\x1b[0m a\n::error::b\r\xc2\x9b\x1b]0;x\n").unwrap();
        let written = String::from_utf8(lines.to).unwrap();
        assert_eq!(written, "\u{1b}[2mINFO\u{1b}[0m a\\n::error::b\\r\\u{9b}\\u{1b}]0;x\n");
    }
}
