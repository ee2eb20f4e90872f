//! `eqp callbacks plan`: shows the differences between the Marketplace's list and our endpoints.

use clap::Args;
use eqp_types::{Environment, MageId};
use serde::Serialize;

use super::change::with_registrations;
use super::view;
use crate::compose::database::Upgrade;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, counted, or_dash};
use eqp_sync::{Drift, RegistrationState, Repair};

/// Compare the Marketplace's list with the local endpoints, and show how to repair differences
///
/// Changes nothing. Shows entries that are missing, overwritten, restored or moved, and interrupted changes, each with the command that
/// repairs it. With --exit-code and --quiet, nothing is printed unless there is something to do.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks plan
  # from cron: prints nothing and exits with 0 unless there is something to do
  eqp callbacks plan --exit-code --quiet")]
pub(crate) struct Plan {
    /// Exit with code 8 if the list and the endpoints differ
    #[arg(long)]
    exit_code: bool,
}

impl Plan {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let drift =
            with_registrations(context, Upgrade::No, async |registrations| Ok(registrations.observe().await?.drift()))
                .await?;
        let is_silent = self.exit_code && context.output.is_quiet() && drift.is_consistent();
        if context.output.is_json() {
            context.output.json(&report(&drift))?;
        } else if !is_silent {
            print(context, &drift)?;
        }
        if self.exit_code && !drift.is_consistent() {
            return Err(Failure::new(Exit::OutOfStep, "the list and the endpoints differ").already_reported());
        }
        Ok(())
    }
}

/// The differences between the Marketplace's list and the endpoints, as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DriftReport<'a> {
    /// The environment.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
    /// Whether there is nothing to do.
    in_sync: bool,
    /// The endpoints of this receiver.
    endpoints: Vec<EndpointReport<'a>>,
    /// Removed endpoints whose credentials are still accepted.
    removed: Vec<RemovedEndpoint<'a>>,
    /// Entries of the list that belong to no endpoint.
    unmanaged: Vec<String>,
}

/// An endpoint and its registration.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct EndpointReport<'a> {
    /// The name.
    name: &'a str,
    /// The registered URL.
    url: &'a str,
    /// The path at which the receiver answers.
    path: &'a str,
    /// The state of the registration.
    state: &'a str,
    /// The user name in the list.
    username: Option<&'a str>,
    /// Replaced user names that are still accepted.
    still_accepted: Vec<view::AcceptedUsername<'a>>,
    /// The command that repairs the registration; null if that is not necessary or not possible.
    repair: Option<String>,
}

/// A removed endpoint.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RemovedEndpoint<'a> {
    /// The name.
    name: &'a str,
    /// User names that are still accepted.
    still_accepted: Vec<view::AcceptedUsername<'a>>,
}

fn report(drift: &Drift) -> DriftReport<'_> {
    let endpoints = drift.endpoints.iter().map(|(endpoint, state)| EndpointReport {
        name: &endpoint.name,
        url: &endpoint.public_url,
        path: &endpoint.path,
        state: state.as_str(),
        username: state.username(),
        still_accepted: view::still_accepted(endpoint),
        repair: repair(state, &endpoint.name),
    });
    let removed = drift
        .removed
        .iter()
        .map(|endpoint| RemovedEndpoint { name: &endpoint.name, still_accepted: view::still_accepted(endpoint) });
    DriftReport {
        environment: drift.environment,
        mage_id: &drift.mage_id,
        in_sync: drift.is_consistent(),
        endpoints: endpoints.collect(),
        removed: removed.collect(),
        unmanaged: drift.unmanaged.iter().map(ToString::to_string).collect(),
    }
}

/// Returns the command that repairs the registration.
fn repair(state: &RegistrationState, name: &str) -> Option<String> {
    let verb = match state.repair()? {
        Repair::Add => "add",
        Repair::Rotate => "rotate",
        Repair::Remove => "remove",
    };
    Some(format!("eqp callbacks {verb} --name {name}"))
}

fn print(context: &Context, drift: &Drift) -> Result {
    let Drift { environment, mage_id, endpoints, removed, unmanaged, .. } = drift;
    if endpoints.is_empty() {
        context.output.note(format_args!("this receiver has no endpoint for {mage_id} in {environment}"));
    } else {
        let mut table = Table::new(&["environment", "name", "url", "user name", "state"]);
        for (endpoint, state) in endpoints {
            table.row([
                environment.to_string(),
                endpoint.name.clone(),
                endpoint.public_url.clone(),
                or_dash(state.username()),
                state.description(),
            ]);
        }
        context.output.line(table)?;
    }
    for (endpoint, state) in endpoints {
        if let Some(still) = view::still_accepted_text(endpoint) {
            context.output.line(format_args!("{}: still accepted: {still}", endpoint.name))?;
        }
        if let Some(repair) = repair(state, &endpoint.name) {
            context.output.line(format_args!("{}: repair with: {repair}", endpoint.name))?;
        }
        if let RegistrationState::Overwritten { .. } = state {
            let (name, url) = (&endpoint.name, &endpoint.public_url);
            context
                .output
                .line(format_args!("{name}: or adopt the entry: eqp callbacks adopt --name {name} --url {url}"))?;
        }
    }
    for endpoint in removed {
        if let Some(still) = view::still_accepted_text(endpoint) {
            context.output.note(format_args!("{} is removed; still accepted: {still}", endpoint.name));
        }
    }
    if !unmanaged.is_empty() {
        context.output.note(format_args!("{} left unchanged", counted(unmanaged.len(), "unmanaged entry")));
    }
    if drift.is_consistent() {
        context.output.note("nothing to do");
    }
    Ok(())
}
