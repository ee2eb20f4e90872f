//! Writes to production ask first, where there is somebody to ask.

use eqp_types::Environment;

use super::Paint;
use super::ask::{answer, can_ask};
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
        let bold = Paint(anstyle::Style::new().bold());
        self.ask_anyway(&format!("{deed} in {bold}production{bold:#}"))
    }

    /// Asks before `deed` is done, wherever that is: it cannot be undone. With `--yes` and without a terminal nothing is asked.
    pub(crate) fn ask_anyway(self, deed: &str) -> Outcome {
        if self.given || !can_ask() {
            return Ok(());
        }
        match answer(&format!("{deed}? [y/N] "))?.as_str() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::new(Exit::Failed, "not done: it was not agreed to")),
        }
    }
}
