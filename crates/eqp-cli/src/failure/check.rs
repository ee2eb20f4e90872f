//! What keeps a check from being made. What is wrong with an archive is no failure of the check.

use eqp_check::Error;

use super::{Exit, Failure};
use crate::config::nearest;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::UnknownRule { id } => {
                let failure = Self::usage("the manifest passes over a rule that is not there").because(&error);
                match nearest(id, eqp_check::rules().map(|rule| rule.id)) {
                    Some(near) => failure.next(format!("did you mean `{near}`?")),
                    None => failure.next("see what there is: eqp packages rules"),
                }
            }
            Error::NoReason { .. } => {
                Self::usage("the manifest passes over a rule without a reason").because(&error).next("write the reason")
            }
            Error::NoFacts { .. } => Self::new(Exit::Failed, "the archive does not say what it is")
                .because(&error)
                .next("see what else is wrong with it: eqp packages check FILE"),
            Error::Read { .. } | Error::NoFile { .. } => Self::usage("the archive was not checked")
                .because(&error)
                .next("name an archive that is there and may be read"),
            Error::Stopped => Self::new(Exit::Interrupted, "the check was stopped").because(&error),
            _ => Self::new(Exit::Failed, "the archive was not checked").because(&error),
        }
    }
}
