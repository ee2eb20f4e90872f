//! Failures of commands: what failed, why, what to do next, and the exit code.

mod build;
mod client;
mod completing;
mod listings;
mod operator;
mod receiver;
mod reconcile;
mod release;
mod sync;
mod tools;

pub(crate) use receiver::listening;

use std::error::Error;
use std::fmt;

use serde::Serialize;

use crate::output::{Paint, escaped, without_style};

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Any other failure.
    Failed = 1,
    /// Wrong usage: invalid arguments or configuration, a missing file, or a data folder that is not ours.
    Usage = 2,
    /// Authentication failed.
    NotAuthorised = 3,
    /// The requested object does not exist.
    NotFound = 4,
    /// Rejected by the Marketplace: a review, a scan or a change.
    Rejected = 5,
    /// Timed out.
    TimedOut = 6,
    /// The Marketplace or the database cannot be reached.
    Unreachable = 7,
    /// Something differs or needs attention, such as registrations or versions, or a date is due; only with `--exit-code`.
    OutOfStep = 8,
    /// The command of `--then` failed.
    ThenFailed = 9,
    /// Interrupted by a signal.
    Interrupted = 130,
}

/// The exit codes as listed by `eqp --help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage, or a file that does not exist
  3  not authorised
  4  not found
  5  rejected by the Marketplace (a review, a scan or a change)
  6  timed out waiting
  7  the Marketplace or the database cannot be reached
  8  something differs, needs attention or is due (only with --exit-code)
  9  in the store, but the command of --then failed; the same call tries again (release, wait)
  130  interrupted by a signal";

/// A failure of a command.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    why: Vec<String>,
    next: Vec<String>,
    silent: bool,
    reported: bool,
}

/// An error.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ErrorReport<'a> {
    /// The failure.
    pub(crate) what: &'a str,
    /// The reasons, from the outermost to the innermost.
    pub(crate) why: Vec<String>,
    /// Remedies, in order.
    pub(crate) next: &'a [String],
    /// The exit code of the command.
    exit_code: u8,
}

/// The object on standard error with which a failed command ends.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ErrorObject<'a> {
    /// The error.
    pub(crate) error: ErrorReport<'a>,
}

/// The result of a command.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// Creates a failure. `what` names what failed.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: Vec::new(), next: Vec::new(), silent: false, reported: false }
    }

    /// Creates a failure caused by wrong usage.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Creates a silent failure for output whose reader has exited (`eqp … | head`).
    pub(crate) fn reader_left() -> Self {
        Self { silent: true, ..Self::new(Exit::Failed, "the reader of the output has exited") }
    }

    /// Creates the failure of a command that a signal ended.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// Adds an error and its sources as reasons. Text that a source repeats is omitted.
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let message = database_message(error);
        // The messages contain external text, in which line ends are escaped.
        let mut is_foreign = false;
        let mut cause = Some(error);
        while let Some(error) = cause {
            is_foreign |= error.is::<eqp_client::Error>() || error.is::<eqp_check::Error>();
            let text = error.to_string();
            let text = message.as_ref().map_or(text.clone(), |(full, message)| text.replace(full, message));
            let text = without_link(text);
            let text = if is_foreign { text } else { lines(&text) };
            if !self.why.last().is_some_and(|last| last.contains(&text)) {
                self.why.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// Adds a reason.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(without_link(without_style(&why.into())));
        self
    }

    /// Adds a reason of several lines, such as a location in a file. Line ends in all other reasons are escaped.
    pub(crate) fn why_in_lines(mut self, why: &str) -> Self {
        self.why.push(lines(why));
        self
    }

    /// Adds a remedy.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// Marks the failure as printed already: only its exit code counts.
    pub(crate) fn already_reported(self) -> Self {
        Self { reported: true, ..self }
    }

    /// Returns the documented exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Replaces the exit code.
    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Returns whether a service could not be reached.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.exit == Exit::Unreachable
    }

    /// Returns the exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.silent { 0 } else { self.exit as u8 }
    }

    /// Formats the failure as one line, without remedies.
    pub(crate) fn in_one_line(&self) -> String {
        let parts = std::iter::once(&self.what).chain(&self.why);
        parts
            .map(|text| escaped(text.trim_end_matches([LINE_END, '\n', ' '])).replace(LINE_END, " "))
            .collect::<Vec<_>>()
            .join(": ")
    }

    /// Returns the failure as it is displayed, without the label `error:` before its first line.
    pub(crate) fn without_label(&self) -> impl fmt::Display {
        std::fmt::from_fn(|f| self.write_lines(f))
    }

    fn write_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = Paint(anstyle::Style::new().bold());
        f.write_str(&indented(&self.what))?;
        for why in &self.why {
            write!(f, "\n  {label}why:{label:#} {}", indented(why))?;
        }
        for next in &self.next {
            write!(f, "\n  {label}next:{label:#} {}", indented(next))?;
        }
        Ok(())
    }

    /// Returns the failure as it is written as JSON.
    pub(crate) fn report(&self) -> ErrorReport<'_> {
        ErrorReport {
            what: &self.what,
            why: self.why.iter().map(|why| why.replace(LINE_END, "\n")).collect(),
            next: &self.next,
            exit_code: self.exit_code(),
        }
    }

    /// Returns whether nothing is to be printed.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent || self.reported
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = Paint(anstyle::AnsiColor::Red.on_default().bold());
        write!(f, "{error}error:{error:#} ")?;
        self.write_lines(f)
    }
}

/// Returns the message of a database error with and without the line number in the source code of Postgres.
fn database_message(error: &(dyn Error + 'static)) -> Option<(String, String)> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(message) = driver_error(error).and_then(sqlx::Error::as_database_error) {
            return Some((message.to_string(), message.message().to_owned()));
        }
        cause = error.source();
    }
    None
}

fn driver_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    let own = error.downcast_ref::<sqlx::Error>();
    own.or_else(|| error.downcast_ref::<eqp_store::DatabaseError>().map(eqp_store::DatabaseError::driver_error))
}

/// Removes the link to rustls' documentation from the message about a closed connection.
fn without_link(text: String) -> String {
    match text.find("peer closed connection without sending TLS close_notify") {
        Some(start) => format!("{}the peer closed the connection without closing the TLS session", &text[..start]),
        None => text,
    }
}

/// Represents a line end of our own. This noncharacter does not occur in text.
const LINE_END: char = '\u{fdd1}';

fn lines(text: &str) -> String {
    text.replace('\n', LINE_END.encode_utf8(&mut [0; 4]))
}

fn indented(text: &str) -> String {
    escaped(text.trim_end_matches([LINE_END, '\n', ' '])).replace(LINE_END, "\n       ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn reports_what_failed_why_and_what_to_do_next() {
        let error = Outer(std::io::Error::other("inner"));
        let failure = Failure::new(Exit::Unreachable, "cannot do it")
            .because(&error)
            .why_in_lines("x\ny")
            .next("do that\nor this");
        let plain = crate::output::plain(&failure.to_string());
        assert_eq!(
            plain,
            "error: cannot do it\n  why: outer\n  why: inner\n  why: x\n       y\n  next: do that\\nor this"
        );
        assert_eq!(failure.in_one_line(), "cannot do it: outer: inner: x y");
        assert_eq!(failure.exit_code(), 7);
        let cut = std::io::Error::other(
            "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/rustls/manual/",
        );
        let cut = Failure::new(Exit::Failed, "cut").because(&Outer(cut)).in_one_line();
        assert!(cut.ends_with("without closing the TLS session"), "{cut}");
        let foreign = Failure::new(Exit::Failed, "a\n::error::b").why("c\r\nd");
        assert_eq!(foreign.in_one_line(), r"a\n::error::b: c\r\nd");
    }
}
