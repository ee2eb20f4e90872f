//! `eqp callbacks plan`.

use clap::Args;
use serde_json::json;

use super::shown;
use super::writing::with_both;
use crate::compose::database::Upgrade;
use crate::compose::registration::{Standing, Survey, survey};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Table, counted, or_dash};

/// Compare the Marketplace's list with the endpoints there are here, and show what puts it right
///
/// Changes nothing at the Marketplace. Shows an entry that is gone, was overwritten or put back by somebody, or has another URL, and changes
/// that were cut off, each with the command that repairs it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks plan
  # in a script or from cron: ends with 1 where there is something to do
  eqp callbacks plan --exit-code --quiet")]
pub(crate) struct Plan {
    /// End with exit code 1 where there is something to do
    #[arg(long)]
    exit_code: bool,
}

impl Plan {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let survey = with_both(context, Upgrade::No, async |client, ours| survey(client, &ours).await).await?;
        if context.output.is_json() {
            context.output.json(&as_json(&survey))?;
        } else {
            tell(context, &survey)?;
        }
        if self.exit_code && !survey.is_right() {
            return Err(Failure::new(Exit::Failed, "there is something to do").shown());
        }
        Ok(())
    }
}

fn as_json(survey: &Survey) -> serde_json::Value {
    let endpoints = survey.endpoints.iter().map(|(endpoint, standing)| {
        json!({
            "name": endpoint.name,
            "url": endpoint.public_url,
            "path": endpoint.path,
            "standing": standing.word(),
            "username": standing.username(),
            "still_taken": shown::still_taken(endpoint),
            "repair": standing.repair(&endpoint.name),
        })
    });
    json!({
        "environment": survey.environment,
        "mage_id": survey.mage_id,
        "nothing_to_do": survey.is_right(),
        "endpoints": endpoints.collect::<Vec<_>>(),
        "removed": survey.removed.iter().map(|endpoint| json!({
            "name": endpoint.name, "still_taken": shown::still_taken(endpoint),
        })).collect::<Vec<_>>(),
        "others": survey.others.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn tell(context: &Context, survey: &Survey) -> Outcome {
    let Survey { environment, mage_id, endpoints, removed, others } = survey;
    if endpoints.is_empty() {
        context.output.note(format_args!("there is no endpoint of {mage_id} in {environment} here"));
    } else {
        let mut table = Table::new(&["environment", "name", "url", "user name", "standing"]);
        for (endpoint, standing) in endpoints {
            table.row([
                environment.to_string(),
                endpoint.name.clone(),
                endpoint.public_url.clone(),
                or_dash(standing.username()),
                standing.told(),
            ]);
        }
        context.output.line(table)?;
    }
    for (endpoint, standing) in endpoints {
        if let Some(still) = shown::still_taken_line(endpoint) {
            context.output.line(format_args!("{}: still taken: {still}", endpoint.name))?;
        }
        if let Some(repair) = standing.repair(&endpoint.name) {
            context.output.line(format_args!("{}: to put it right: {repair}", endpoint.name))?;
        }
        if let Standing::Taken { .. } = standing {
            let (name, url) = (&endpoint.name, &endpoint.public_url);
            context
                .output
                .line(format_args!("{name}: or take it over: eqp callbacks adopt --name {name} --url {url}"))?;
        }
    }
    for endpoint in removed {
        if let Some(still) = shown::still_taken_line(endpoint) {
            context.output.note(format_args!("{} is removed; still taken: {still}", endpoint.name));
        }
    }
    if !others.is_empty() {
        context.output.note(format_args!("{} of others, which stay as they are", counted(others.len(), "entry")));
    }
    if survey.is_right() {
        context.output.note("nothing to do");
    }
    Ok(())
}
