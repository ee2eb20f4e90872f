//! `eqp submissions`: where each submission stands, as the callbacks have told it.

mod list;
mod show;

use clap::Subcommand;
use eqp_receiver::Submission;

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::track_line;

/// Read where submissions stand
#[derive(Debug, Subcommand)]
pub(crate) enum Submissions {
    List(list::List),
    Show(show::Show),
}

impl Submissions {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
        }
    }
}

/// The flows that were heard of, as one line.
fn tracks(submission: &Submission) -> String {
    let flows =
        [("overall", &submission.overall), ("technical", &submission.technical), ("marketing", &submission.marketing)];
    let line = track_line(flows.into_iter().filter_map(|(flow, state)| Some((flow, state.as_deref()?))));
    if submission.tied { format!("{line} · tied: ask the API") } else { line }
}
