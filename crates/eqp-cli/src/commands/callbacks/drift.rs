//! `eqp callbacks plan`: shows the differences between the Marketplace's list and our endpoints.

use clap::Args;
use serde_json::json;

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
            context.output.json(&as_json(&drift))?;
        } else if !is_silent {
            print(context, &drift)?;
        }
        if self.exit_code && !drift.is_consistent() {
            return Err(Failure::new(Exit::OutOfStep, "the list and the endpoints differ").already_reported());
        }
        Ok(())
    }
}

fn as_json(drift: &Drift) -> serde_json::Value {
    let endpoints = drift.endpoints.iter().map(|(endpoint, state)| {
        json!({
            "name": endpoint.name,
            "url": endpoint.public_url,
            "path": endpoint.path,
            "state": state.as_str(),
            "username": state.username(),
            "still_accepted": view::still_accepted(endpoint),
            "repair": repair(state, &endpoint.name),
        })
    });
    json!({
        "environment": drift.environment,
        "mage_id": drift.mage_id,
        "in_sync": drift.is_consistent(),
        "endpoints": endpoints.collect::<Vec<_>>(),
        "removed": drift.removed.iter().map(|endpoint| json!({
            "name": endpoint.name, "still_accepted": view::still_accepted(endpoint),
        })).collect::<Vec<_>>(),
        "unmanaged": drift.unmanaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
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
