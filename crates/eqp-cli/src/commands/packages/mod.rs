//! `eqp packages`: submissions as the Marketplace itself shows them.

mod batch;
mod check;
mod checked;
mod create;
mod init;
mod list;
mod named;
mod recall;
mod report;
mod results;
mod rules;
mod send;
mod show;
mod update;
mod wanted;

pub(super) use check::{checked as checked_archive, package_of};
pub(super) use report::{Reasons, tell};
pub(super) use results::results_of;

use clap::Subcommand;
use eqp_types::{EqpStatus, Package};
use serde_json::Value;

use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{or_dash, track_line};

/// Create packages, change them and look at them, at the Marketplace itself; check them before
#[derive(Debug, Subcommand)]
pub(crate) enum Packages {
    List(Box<list::List>),
    Show(show::Show),
    Report(report::Report),
    Create(create::Create),
    Update(update::Update),
    Recall(recall::Recall),
    Check(check::Check),
    Init(init::Init),
    Rules(rules::Rules),
}

impl Packages {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Report(verb) => verb.run(context).await,
            Self::Create(verb) => verb.run(context).await,
            Self::Update(verb) => verb.run(context).await,
            Self::Recall(verb) => verb.run(context).await,
            Self::Check(verb) => verb.run(context).await,
            Self::Init(verb) => verb.run(context),
            Self::Rules(verb) => verb.run(context),
        }
    }
}

/// The flows of a package as one line.
fn tracks(package: &Package) -> String {
    or_dash(package.eqp_status.as_ref().map(status_line))
}

/// Flows as one line.
fn status_line(status: &EqpStatus) -> String {
    let flows = [
        ("overall", status.overall.as_ref().map(ToString::to_string)),
        ("technical", status.technical.as_ref().map(ToString::to_string)),
        ("marketing", status.marketing.as_ref().map(ToString::to_string)),
    ];
    track_line(flows.iter().filter_map(|(flow, state)| Some((*flow, state.as_deref()?))))
}

/// What may be asked for now, as text: the API gives text, or a list for each flow.
fn actions(package: &Package) -> Option<String> {
    match package.actions_now_available.as_ref()? {
        Value::String(text) => Some(text.clone()),
        Value::Object(flows) => {
            let named = |(flow, actions): (&String, &Value)| {
                let actions: Vec<_> = actions.as_array()?.iter().filter_map(Value::as_str).collect();
                (!actions.is_empty()).then(|| format!("{flow} {}", actions.join(" or ")))
            };
            let flows: Vec<_> = flows.iter().filter_map(named).collect();
            (!flows.is_empty()).then(|| flows.join("; "))
        }
        _ => None,
    }
}

/// The developer's own id for a version: by it a second run finds what the first one made. Nothing in it has a meaning in
/// a path.
pub(super) fn own_id(sku: &str, version: &str) -> String {
    format!("{sku}-{version}").replace(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter), "-")
}
