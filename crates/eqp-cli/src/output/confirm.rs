//! Writes to production ask first, where there is somebody to ask.

use std::io::{BufRead, Write};

use eqp_types::Environment;

use super::ask::can_ask;
use crate::failure::{Exit, Failure, Outcome};

/// Whether a write to production was agreed to beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirmation {
    /// `--yes`.
    pub(crate) given: bool,
    /// The API is not the Marketplace's own: a simulator, whatever environment it plays.
    pub(crate) is_simulated: bool,
}

impl Confirmation {
    /// Asks before `deed` is done in production. Elsewhere, with `--yes`, for a simulator and without
    /// a terminal nothing is asked.
    pub(crate) fn ask(self, environment: Environment, deed: &str) -> Outcome {
        if environment != Environment::Production || self.is_simulated {
            return Ok(());
        }
        let bold = anstyle::Style::new().bold();
        self.ask_anyway(&format!("{deed} in {bold}production{bold:#}"))
    }

    /// Asks before `deed` is done, wherever that is: it cannot be undone. With `--yes` and without a terminal nothing is asked.
    pub(crate) fn ask_anyway(self, deed: &str) -> Outcome {
        if self.given || !can_ask() {
            return Ok(());
        }
        let mut stderr = anstream::stderr().lock();
        let mut answer = String::new();
        write!(stderr, "{deed}? [y/N] ")
            .and_then(|()| stderr.flush())
            .and_then(|()| std::io::stdin().lock().read_line(&mut answer))
            .map_err(|error| Failure::new(Exit::Failed, "cannot ask").because(&error).next("answer with --yes"))?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::new(Exit::Failed, "not done: it was not agreed to")),
        }
    }
}
