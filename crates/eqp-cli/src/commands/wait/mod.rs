//! `eqp wait`: waits until reviews or malware scans have ended.

pub(crate) mod report;
mod typical;

use std::time::Duration;

use clap::{Args, ValueEnum};
use eqp_client::Client;
use eqp_release::wait::{Resource, WaitTarget};
use eqp_release::{ReleasedVersion, find_by_id};
use eqp_types::{Environment, FileUploadId, Flow, IdError, SubmissionId};

use self::report::Report;
use self::typical::TypicalTimes;
use super::statuses;
use super::then::ThenOptions;
use crate::arguments::{looks_like_file_id, timeout, wait_time};
use crate::compose::client::client;
use crate::compose::operator::Operator;
use crate::compose::recorded;
use crate::context::Context;
use crate::failure::{Failure, Result};

/// The status after which the command of `--then` runs.
const RELEASED: &str = "released_to_store";

/// The kind of resource that an ID identifies.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Submission of a package
    Submission,
    /// Uploaded file
    File,
}

/// Wait until reviews or malware scans have ended
///
/// A wait can be stopped and started again at any time, on this or another machine. With several IDs, it ends when all
/// have reached the status, or when one can no longer reach it; with --any, when the first has ended.
///
/// Reads changes from the events of a receiver, if it finds one: at --server, in the configured database, or in the
/// database of `eqp serve` in the same data folder. With an access key, it confirms them with the Marketplace. Without
/// events, it polls the Marketplace. Outages, maintenance pages and other unusable responses do not end the wait; a
/// rejected access key or an unknown ID does.
///
/// --then runs a command each time `eqp wait` finds the version in the store, so the command can run again after a
/// crash or in a later job; --then-unless prevents that. The command receives EQP_SUBMISSION_ID, EQP_SKU and
/// EQP_VERSION, and its output goes to standard error. It needs an access key and a single ID.
///
/// Exit codes: 0 if the status was reached (with several IDs: by all; with --any: by the first that has ended); 5 if a
/// review or scan rejected one; 1 if one was recalled, was submitted for the other review only, or can no longer reach
/// the status; 6 after the timeout; 9 if the command of --then failed (repeat the call to retry).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp wait s5w9k703ru --timeout 15d          # until it is in the store
  eqp wait s5w9k703ru --flow technical       # until this review has ended
  eqp wait s5w9k703ru --until approved
  eqp wait s5w9k703ru s8k2m114zd --all --timeout 15d
  eqp wait 2309480238.238475.0 --timeout 10m # until the file's scan has ended
  # in a scheduled job, until it is in the store; 6: not yet
  eqp wait s5w9k703ru --timeout 0 --then ./publish \\
      --then-unless ./is-published")]
pub(crate) struct Wait {
    /// Submission IDs, your own item IDs, or file IDs
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// End when all have reached the status, or one no longer can (default)
    #[arg(long, conflicts_with = "any")]
    all: bool,
    /// End when the first has reached the status, or can no longer reach it
    #[arg(long)]
    any: bool,
    /// Kind of the IDs [default: file if it consists of digits and dots, otherwise submission]
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// Flow to wait for: overall, technical or marketing [default: overall, which ends at any rejection]
    #[arg(long, value_name = "FLOW", value_parser = ["overall", "technical", "marketing"])]
    flow: Option<String>,
    /// Status to wait for [default: released_to_store, approved or passed, depending on the flow]
    #[arg(long, value_name = "STATUS", value_parser = statuses::any_status(), hide_possible_values = true)]
    until: Option<String>,
    /// Maximum time to wait, such as 90s, 15m, 2h or 3d; 0 queries once
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = wait_time)]
    timeout: Duration,
    /// Maximum polling interval; the first intervals are shorter [default: 15s; 60s with events]
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    interval: Option<Duration>,
    #[command(flatten)]
    then: ThenOptions,
}

impl Wait {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let marketplace = &context.settings.marketplace;
        let resources = self.resources()?;
        let client = if marketplace.has_key() { Some(client(marketplace)?) } else { None };
        let follow_up = self.follow_up(&resources, client.clone())?;
        let operator = match recorded::open(context).await {
            Err(failure) if client.is_some() => {
                context.output.note(without_events(&failure.in_one_line()));
                None
            }
            opened => opened?,
        };
        let typical = match &operator {
            Some(operator) => TypicalTimes::read(operator.client(), marketplace.environment, &resources).await,
            None => TypicalTimes::default(),
        };
        let report = Report {
            resources: &resources,
            confirmed: client.is_some(),
            ends_with_first: self.any,
            typical: &typical,
            output: context.output,
        };
        let wait = self.wait(&resources, operator.as_ref(), client, marketplace.environment);
        let waited = wait.run_all(|resource, event| report.note(resource, event)).await;
        let ended = waited.map_err(Failure::from).and_then(|waited| report.ended(&waited));
        if let Some(operator) = operator {
            operator.close().await?;
        }
        ended?;
        match follow_up {
            Some((client, submission)) => {
                let package = find_by_id(&client, &submission).await?;
                self.then.run(&ReleasedVersion::from(&package), context.output).await
            }
            None => Ok(()),
        }
    }

    fn wait(
        &self,
        resources: &[(Resource, WaitTarget)],
        operator: Option<&Operator>,
        client: Option<Client>,
        environment: Option<Environment>,
    ) -> eqp_release::wait::Wait {
        let mut resources = resources.iter().cloned();
        let (resource, target) = resources.next().expect("an ID is required");
        let mut wait = eqp_release::wait::Wait::new(resource, target, self.timeout);
        for (resource, target) in resources {
            wait = wait.also(resource, target);
        }
        if self.any {
            wait = wait.any();
        }
        if let Some(operator) = operator {
            wait = wait.follow(recorded::source(operator), environment);
        }
        if let Some(client) = client {
            wait = wait.ask(client);
        }
        match self.interval {
            Some(interval) => wait.interval(interval),
            None => wait,
        }
    }

    /// Returns what the command of --then needs, if there is one.
    fn follow_up(
        &self,
        resources: &[(Resource, WaitTarget)],
        client: Option<Client>,
    ) -> Result<Option<(Client, SubmissionId)>> {
        if self.then.command().is_none() {
            return Ok(None);
        }
        let [(resource, target)] = resources else {
            return Err(Failure::usage("--then needs a single ID").next("run one eqp wait per ID"));
        };
        let Resource::Submission(submission) = resource else {
            return Err(Failure::usage("--then needs a submission").next("pass the ID of a submission, or --kind"));
        };
        if target.flow != Flow::Overall || target.awaited() != RELEASED {
            return Err(Failure::usage("--then runs a command after the release to the store")
                .next(format!("omit --flow and --until, or use --until {RELEASED}")));
        }
        let Some(client) = client else {
            return Err(Failure::usage("--then needs an access key")
                .why("the command runs only if the Marketplace confirms that the version is in the store")
                .next("save one with eqp login"));
        };
        Ok(Some((client, submission.clone())))
    }

    /// Returns the resources to wait for, without duplicates.
    fn resources(&self) -> Result<Vec<(Resource, WaitTarget)>> {
        let mut ids: Vec<&String> = Vec::new();
        for id in &self.ids {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.into_iter().map(|id| self.resource(id)).collect()
    }

    fn resource(&self, id: &str) -> Result<(Resource, WaitTarget)> {
        let no_id = |error: IdError| Failure::usage("invalid ID").because(&error);
        let is_file = match self.kind {
            Some(Kind::File) => true,
            Some(Kind::Submission) => false,
            None => looks_like_file_id(id) && self.flow.is_none(),
        };
        let status = self.until.clone();
        if is_file {
            let file = FileUploadId::new(id).map_err(no_id)?;
            return Ok((Resource::File(file), target(Flow::Malware, status)?));
        }
        let flow = Flow::from(self.flow.as_deref().unwrap_or("overall"));
        let submission = SubmissionId::new(id).map_err(no_id)?;
        Ok((Resource::Submission(submission), target(flow, status)?))
    }
}

fn target(flow: Flow, status: Option<String>) -> Result<WaitTarget> {
    WaitTarget::new(flow, status)
        .map_err(|error| statuses::of_another_flow(&error).next("set --flow, or omit --until to wait for success"))
}

/// Formats the reason why events are not available.
fn without_events(reason: &str) -> String {
    format!("events are not available ({reason}); polling the Marketplace instead")
}
