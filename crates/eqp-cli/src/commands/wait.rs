//! `eqp wait`: waits until a review or a malware scan has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use eqp_client::Client;
use eqp_release::wait::{Resource, Statuses, WaitEvent, WaitReport, WaitResult, WaitTarget};
use eqp_release::{ReleasedVersion, find_by_id};
use eqp_types::{FileUploadId, Flow, IdError, SubmissionId};
use serde::Serialize;

use super::statuses;
use super::then::ThenOptions;
use crate::arguments::{looks_like_file_id, timeout, wait_time};
use crate::compose::client::client;
use crate::compose::recorded;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped, track_line};

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

/// Wait until a review or a malware scan has ended
///
/// Reads changes from the events of a receiver, if it finds one: at --server, in the configured database, or in the
/// database of `eqp serve` in the same data folder. With an access key, it confirms them with the Marketplace. Without
/// events, it polls the Marketplace. Outages, maintenance pages and other unusable responses do not end the wait; a
/// rejected access key or an unknown ID does.
///
/// --then runs a command each time `eqp wait` finds the version in the store, so the command can run again after a
/// crash or in a later job; --then-unless prevents that. The command receives EQP_SUBMISSION_ID, EQP_SKU and
/// EQP_VERSION, and its output goes to standard error. It needs an access key.
///
/// Exit codes: 0 if the status was reached; 5 if a review or scan rejected the resource; 1 if it was recalled, was
/// submitted for the other review only, or can no longer reach the status; 6 after the timeout; 9 if the command of
/// --then failed (repeat the call to retry).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp wait s5w9k703ru --timeout 15d          # until it is in the store
  eqp wait s5w9k703ru --flow technical       # until this review has ended
  eqp wait s5w9k703ru --until approved
  eqp wait 2309480238.238475.0 --timeout 10m # until the file's scan has ended
  # in a scheduled job, until it is in the store; 6: not yet
  eqp wait s5w9k703ru --timeout 0 --then ./publish \\
      --then-unless ./is-published")]
pub(crate) struct Wait {
    /// Submission ID, your own item ID, or file ID
    id: String,
    /// Kind of the ID [default: file if it consists of digits and dots, otherwise submission]
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
        let (resource, target) = self.resource()?;
        let client = if marketplace.has_key() { Some(client(marketplace)?) } else { None };
        let follow_up = self.follow_up(&resource, &target, client.clone())?;
        let operator = match recorded::open(context).await {
            Err(failure) if client.is_some() => {
                context.output.note(without_events(&failure.in_one_line()));
                None
            }
            opened => opened?,
        };
        let report =
            Report { resource: &resource, target: &target, confirmed: client.is_some(), output: context.output };
        let mut wait = eqp_release::wait::Wait::new(resource.clone(), target.clone(), self.timeout);
        if let Some(operator) = &operator {
            wait = wait.follow(recorded::source(operator), marketplace.environment);
        }
        if let Some(client) = client {
            wait = wait.ask(client);
        }
        if let Some(interval) = self.interval {
            wait = wait.interval(interval);
        }
        let waited = wait.run(|event| note_event(context.output, event)).await;
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

    /// Returns what the command of --then needs, if there is one.
    fn follow_up(
        &self,
        resource: &Resource,
        target: &WaitTarget,
        client: Option<Client>,
    ) -> Result<Option<(Client, SubmissionId)>> {
        if self.then.command().is_none() {
            return Ok(None);
        }
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

    fn resource(&self) -> Result<(Resource, WaitTarget)> {
        let no_id = |error: IdError| Failure::usage("invalid ID").because(&error);
        let is_file = match self.kind {
            Some(Kind::File) => true,
            Some(Kind::Submission) => false,
            None => looks_like_file_id(&self.id) && self.flow.is_none(),
        };
        let status = self.until.clone();
        if is_file {
            let file = FileUploadId::new(self.id.as_str()).map_err(no_id)?;
            return Ok((Resource::File(file), target(Flow::Malware, status)?));
        }
        let flow = Flow::from(self.flow.as_deref().unwrap_or("overall"));
        let submission = SubmissionId::new(self.id.as_str()).map_err(no_id)?;
        Ok((Resource::Submission(submission), target(flow, status)?))
    }
}

fn target(flow: Flow, status: Option<String>) -> Result<WaitTarget> {
    WaitTarget::new(flow, status)
        .map_err(|error| statuses::of_another_flow(&error).next("set --flow, or omit --until to wait for success"))
}

/// Reports what happened while waiting.
fn note_event(output: Output, event: WaitEvent<'_>) {
    match event {
        WaitEvent::Changed(statuses) => output.note(line(statuses)),
        WaitEvent::EventsUnavailable(error) => output.note(without_events(&Failure::from(error).in_one_line())),
        WaitEvent::Unanswered(error) => {
            output
                .note(format_args!("no usable response, retrying until the timeout: {}", escaped(&error.to_string())));
        }
    }
}

/// How a wait ended, as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct WaitSummary<'a> {
    /// `submission` or `file`.
    kind: &'a str,
    /// The ID that was given.
    id: &'a str,
    /// How the wait ended.
    result: WaitEnd,
    /// The last known status of each flow.
    statuses: BTreeMap<&'a str, &'a str>,
    /// Whether the Marketplace was asked. Otherwise the statuses are those of the received callbacks.
    confirmed: bool,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum WaitEnd {
    /// The awaited status was reached.
    Reached,
    /// A review or a scan rejected it.
    Rejected,
    /// It was recalled from review.
    Recalled,
    /// It was not submitted for the awaited review.
    NotSubmitted,
    /// Another status is final, so that the awaited one cannot be reached.
    Unreachable,
    /// The timeout expired.
    TimedOut,
}

/// The result of a wait, for people and programs.
struct Report<'a> {
    resource: &'a Resource,
    target: &'a WaitTarget,
    /// Whether the Marketplace has confirmed the statuses.
    confirmed: bool,
    output: Output,
}

impl Report<'_> {
    fn ended(&self, waited: &WaitReport) -> Result {
        let last = &waited.statuses;
        let Some(result) = &waited.result else {
            self.show(WaitEnd::TimedOut, last)?;
            let failure = Failure::new(Exit::TimedOut, format!("timed out waiting for {}", self.name()))
                .why(if last.is_empty() { "no status is known".to_owned() } else { line(last) });
            let failure = match &waited.last_error {
                Some(last_error) => failure.why(format!("the last request failed: {}", escaped(last_error))),
                None => failure,
            };
            return Err(failure.next("wait longer with --timeout"));
        };
        // The Marketplace's ID is unambiguous.
        let id = waited.submission.as_ref().map_or(self.resource.id(), SubmissionId::as_str);
        match result {
            WaitResult::Reached { .. } => self.show(WaitEnd::Reached, last),
            WaitResult::Rejected { flow, status } => {
                self.show(WaitEnd::Rejected, last)?;
                let failure = Failure::new(Exit::Rejected, format!("{} was rejected: {flow} is {status}", self.name()));
                Err(match self.resource {
                    Resource::File(_) => failure
                        .next(format!("show the file: eqp files show {id}"))
                        .next("upload a clean archive; a submission with this file is rejected"),
                    Resource::Submission(_) if *flow == Flow::Overall => {
                        failure.next(format!("show the package: eqp packages show {id}"))
                    }
                    Resource::Submission(_) => failure.next(format!("show the reasons: eqp packages report {id}")),
                })
            }
            WaitResult::Recalled { flow } => {
                self.show(WaitEnd::Recalled, last)?;
                Err(Failure::new(Exit::Failed, format!("{} was recalled from its {flow} review", self.name()))
                    .next("submit it again with eqp release, then wait for it"))
            }
            WaitResult::NotSubmitted { flow, .. } => {
                self.show(WaitEnd::NotSubmitted, last)?;
                let other = if *flow == Flow::Marketing { Flow::Technical } else { Flow::Marketing };
                Err(Failure::new(Exit::Failed, format!("{} is not submitted for {flow} review", self.name()))
                    .why(format!(
                        "it was submitted for {other} review only, so {} cannot be reached",
                        self.target.awaited()
                    ))
                    .next(format!("submit it: eqp release --submission {id} --track {flow}"))
                    .next(format!("or wait for the other review: eqp wait {id} --flow {other}")))
            }
            WaitResult::Unreachable { flow, status } => {
                self.show(WaitEnd::Unreachable, last)?;
                let show = if matches!(self.resource, Resource::File(_)) { "files" } else { "packages" };
                Err(Failure::new(
                    Exit::Failed,
                    format!("{} can no longer become {}", self.name(), self.target.awaited()),
                )
                .why(format!("{flow} is {status}, which is final"))
                .next(format!("details: eqp {show} show {id}")))
            }
        }
    }

    fn show(&self, ended: WaitEnd, statuses: &Statuses) -> Result {
        if !self.output.is_json() {
            return if statuses.is_empty() { Ok(()) } else { self.output.line(line(statuses)) };
        }
        self.output.json(&WaitSummary {
            kind: self.resource.kind(),
            id: self.resource.id(),
            result: ended,
            statuses: statuses.iter().map(|(flow, status)| (flow.as_str(), status.as_str())).collect(),
            confirmed: self.confirmed,
        })
    }

    fn name(&self) -> String {
        format!("{} {}", self.resource.kind(), self.resource.id())
    }
}

/// Formats the reason why events are not available.
fn without_events(reason: &str) -> String {
    format!("events are not available ({reason}); polling the Marketplace instead")
}

fn line(statuses: &Statuses) -> String {
    track_line(statuses.iter().map(|(flow, status)| (flow.as_str(), status.as_str())))
}
