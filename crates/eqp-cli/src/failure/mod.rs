//! How a command fails: what failed, why, what to do next, and the exit code that says which kind of failure it was.

mod check;
mod client;
mod postgres;
mod receiver;

use std::error::Error;
use std::fmt;

use serde_json::{Value, json};

use crate::output::{Paint, visible, without_paint};

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It failed in a way no other code names.
    Failed = 1,
    /// Wrong usage: arguments, configuration, a file that is not there, a data folder that is not ours.
    Usage = 2,
    /// The Marketplace or the database refused who we are.
    NotAuthorised = 3,
    /// What was asked for is not there.
    NotFound = 4,
    /// The Marketplace rejected it: the outcome of a review or a scan, or a refused request.
    Rejected = 5,
    /// It did not happen in the time that was given.
    TimedOut = 6,
    /// The Marketplace or the database cannot be reached.
    Unreachable = 7,
    /// A signal ended it.
    Interrupted = 130,
}

/// What `eqp --help` says about exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage, or a file that is not there
  3  not authorised
  4  not found
  5  rejected by the Marketplace (the outcome of a review or a scan)
  6  timed out waiting
  7  the Marketplace or the database cannot be reached
  130  interrupted by a signal";

/// A failure as a person reads it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    why: Vec<String>,
    next: Vec<String>,
    silent: bool,
    told: bool,
}

/// What every command ends with.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure of one kind; `what` names what could not be done.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: Vec::new(), next: Vec::new(), silent: false, told: false }
    }

    /// Wrong usage.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Nobody reads our output any more (`eqp … | head`): end without a word, and not as a failure.
    pub(crate) fn reader_left() -> Self {
        Self { silent: true, ..Self::new(Exit::Failed, "the reader of the output left") }
    }

    /// What was asked for was to be shown only: an end, and no failure.
    pub(crate) fn dry_run() -> Self {
        Self { silent: true, ..Self::new(Exit::Failed, "only shown, as asked") }
    }

    /// A signal ended it.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// Adds an error and all its sources as the reason. What a source repeats of the error around it is left out.
    pub(crate) fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let said = said_by_database(error);
        // What these say is partly the text of others: it has no lines of its own.
        let mut is_foreign = false;
        let mut cause = Some(error);
        while let Some(error) = cause {
            is_foreign |= error.is::<eqp_client::Error>() || error.is::<eqp_check::Error>();
            let text = error.to_string();
            let text = said.as_ref().map_or(text.clone(), |(told, message)| text.replace(told, message));
            let text = if is_foreign { text } else { lines(&text) };
            if !self.why.last().is_some_and(|last| last.contains(&text)) {
                self.why.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// Adds a reason in words, without its colours.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why.push(without_paint(&why.into()));
        self
    }

    /// Adds a reason of several lines, such as a place in a file. In all others a line end is one of somebody else's text,
    /// and is shown as such.
    pub(crate) fn why_in_lines(mut self, why: &str) -> Self {
        self.why.push(lines(why));
        self
    }

    /// Adds something that can be done about it.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }

    /// It has been told already: only its exit code is left of it.
    pub(crate) fn shown(self) -> Self {
        Self { told: true, ..self }
    }

    /// Whether something could not be reached.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.exit == Exit::Unreachable
    }

    /// The code the program ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.silent { 0 } else { self.exit as u8 }
    }

    /// The failure as a line of the log tells it.
    pub(crate) fn in_one_line(&self) -> String {
        let parts = std::iter::once(&self.what).chain(&self.why);
        parts.map(|text| text.trim_end().replace(LINE_END, " ")).collect::<Vec<_>>().join(": ")
    }

    /// The failure as a program reads it.
    pub(crate) fn to_json(&self) -> Value {
        json!({"error": {
            "what": self.what,
            "why": self.why.iter().map(|why| why.replace(LINE_END, "\n")).collect::<Vec<_>>(),
            "next": self.next,
            "exit_code": self.exit_code(),
        }})
    }

    /// Whether there is something to print.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent || self.told
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, label) = (Paint(anstyle::AnsiColor::Red.on_default().bold()), Paint(anstyle::Style::new().bold()));
        write!(f, "{error}error:{error:#} {}", indented(&self.what))?;
        for why in &self.why {
            write!(f, "\n  {label}why:{label:#} {}", indented(why))?;
        }
        for next in &self.next {
            write!(f, "\n  {label}next:{label:#} {}", indented(next))?;
        }
        Ok(())
    }
}

/// What a database said, if that is behind an error: as its error tells it, which ends with a line number in the source code
/// of Postgres, and without that.
fn said_by_database(error: &(dyn Error + 'static)) -> Option<(String, String)> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(said) = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error) {
            return Some((said.to_string(), said.message().to_owned()));
        }
        cause = error.source();
    }
    None
}

/// Stands for a line end of our own. It is a noncharacter: no text should have it.
const LINE_END: char = '\u{fdd1}';

fn lines(text: &str) -> String {
    text.replace('\n', LINE_END.encode_utf8(&mut [0; 4]))
}

fn indented(text: &str) -> String {
    visible(text.trim_end_matches([LINE_END, '\n', ' '])).replace(LINE_END, "\n       ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn tells_what_why_and_what_next() {
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
    }
}
