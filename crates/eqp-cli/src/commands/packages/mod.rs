//! `eqp packages`: submissions as the Marketplace itself shows them.

mod create;
mod list;
mod show;

use clap::Subcommand;
use eqp_types::Package;

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::track_line;

/// Create packages and look at them, at the Marketplace itself
#[derive(Debug, Subcommand)]
pub(crate) enum Packages {
    List(list::List),
    Show(show::Show),
    Create(create::Create),
}

impl Packages {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Create(verb) => verb.run(context).await,
        }
    }
}

/// The flows of a package as one line.
fn tracks(package: &Package) -> String {
    let Some(status) = &package.eqp_status else { return "-".into() };
    let flows = [
        ("overall", status.overall.as_ref().map(ToString::to_string)),
        ("technical", status.technical.as_ref().map(ToString::to_string)),
        ("marketing", status.marketing.as_ref().map(ToString::to_string)),
    ];
    track_line(flows.iter().filter_map(|(flow, state)| Some((*flow, state.as_deref()?))))
}

/// Text, or a dash where there is none.
fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".into(), |text| text.to_string())
}
