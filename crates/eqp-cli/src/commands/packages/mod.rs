//! `eqp packages`: manages packages at the Marketplace, and checks archives.

pub(crate) mod build;
pub(crate) mod check;
mod check_options;
mod checked;
pub(crate) mod explain;
mod filter;
pub(crate) mod init;
pub(crate) mod programs;
pub(crate) mod published;
pub(crate) mod recall;
pub(crate) mod recertify;
pub(crate) mod report;
mod review_time;
pub(crate) mod rules;
pub(crate) mod send;
pub(crate) mod show;

use clap::Subcommand;
use eqp_types::{EqpStatus, Package};
use serde_json::Value;

use crate::config::ComposerOptions;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{or_dash, track_line};

/// Create, update, inspect and validate packages
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # build an archive, write its manifest, then release both
  eqp packages build --tag v1.2.0
  eqp packages init acme-badges-1.2.0.zip
  # look at a submission, and see why a review rejected it
  eqp packages show s5w9k703ru --results
  eqp packages explain s5w9k703ru")]
pub(crate) enum Packages {
    List(Box<show::List>),
    Show(show::Show),
    Explain(explain::Explain),
    Report(report::Report),
    Create(send::Create),
    Update(send::Update),
    Recall(recall::Recall),
    Build(Box<build::Build>),
    Check(check::Check),
    Init(init::Init),
    Published(published::Published),
    Recertify(recertify::Recertify),
    Rules(rules::Rules),
}

impl Packages {
    /// Returns the options for Composer repositories of the command line.
    pub(crate) fn composer(&self) -> ComposerOptions {
        match self {
            Self::Published(verb) => verb.composer.clone(),
            _ => ComposerOptions::default(),
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Explain(verb) => verb.run(context).await,
            Self::Report(verb) => verb.run(context).await,
            Self::Create(verb) => verb.run(context).await,
            Self::Update(verb) => verb.run(context).await,
            Self::Recall(verb) => verb.run(context).await,
            Self::Build(verb) => verb.run(context).await,
            Self::Check(verb) => verb.run(context).await,
            Self::Init(verb) => verb.run(context).await,
            Self::Published(verb) => verb.run(context).await,
            Self::Recertify(verb) => verb.run(context).await,
            Self::Rules(verb) => verb.run(context),
        }
    }
}

/// Formats the flows of a package as one line.
fn tracks(package: &Package) -> String {
    or_dash(package.eqp_status.as_ref().map(status_line))
}

/// Formats flows as one line.
fn status_line(status: &EqpStatus) -> String {
    let flows = [
        ("overall", status.overall.as_ref().map(ToString::to_string)),
        ("technical", status.technical.as_ref().map(ToString::to_string)),
        ("marketing", status.marketing.as_ref().map(ToString::to_string)),
    ];
    track_line(flows.iter().filter_map(|(flow, state)| Some((*flow, state.as_deref()?))))
}

/// Formats the actions that are currently possible. The API returns a string, or a list for each flow.
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
