//! Reports what happens during a wait and how it ended, and determines the exit code.

use std::collections::BTreeMap;

use eqp_release::wait::{Resource, Statuses, WaitEvent, WaitReport, WaitResult, WaitTarget};
use eqp_sync::Stage;
use eqp_types::{Flow, SubmissionId};
use serde::Serialize;

use super::typical::TypicalTimes;
use super::without_events;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped, track_line};

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
    /// The usual duration of the stages that it waits at, by stage: a quarter of the account's earlier versions took at most the first, three
    /// quarters at most the second number of seconds. Only stages whose duration the database of a receiver knows.
    typical_seconds: BTreeMap<Stage, [u64; 2]>,
}

/// How a wait for several IDs ended, as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SeveralWaits<'a> {
    /// The result that decided the wait.
    result: WaitEnd,
    /// Each of them, in the order in which they were given.
    handles: Vec<WaitSummary<'a>>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    /// It has no result yet, because another one decided the wait.
    Waiting,
}

/// The result of a wait, for people and programs.
pub(super) struct Report<'a> {
    pub(super) resources: &'a [(Resource, WaitTarget)],
    /// Whether the Marketplace has confirmed the statuses.
    pub(super) confirmed: bool,
    /// Whether the first result ends the wait.
    pub(super) ends_with_first: bool,
    pub(super) typical: &'a TypicalTimes,
    pub(super) output: Output,
}

impl Report<'_> {
    /// Reports what happened while waiting.
    pub(super) fn note(&self, resource: &Resource, event: WaitEvent<'_>) {
        let text = match event {
            WaitEvent::EventsUnavailable(error) => {
                return self.output.note(without_events(&Failure::from(error).in_one_line()));
            }
            WaitEvent::Changed(statuses) => format!("{}{}", line(statuses), self.typical_text(resource, statuses)),
            WaitEvent::Unanswered(error) => {
                format!("no usable response, retrying until the timeout: {}", escaped(&error.to_string()))
            }
        };
        self.output.note(format_args!("{}{text}", self.prefix(resource)));
    }

    fn typical_text(&self, resource: &Resource, statuses: &Statuses) -> String {
        let typical = self.typical.of(resource, statuses).into_iter();
        let typical = typical.filter_map(|(stage, step)| Some(format!("{stage}: {}", step.typical_in_words()?)));
        let typical = typical.collect::<Vec<_>>().join(", ");
        if typical.is_empty() { typical } else { format!(" (yours usually take: {typical})") }
    }

    /// Returns the beginning of a line, which names the resource if there are several.
    fn prefix(&self, resource: &Resource) -> String {
        if self.resources.len() == 1 { String::new() } else { format!("{}: ", escaped(resource.id())) }
    }

    /// Prints the result, and returns the failure that it implies.
    pub(super) fn ended(&self, waited: &[WaitReport]) -> Result {
        let both = self.resources.iter().zip(waited);
        let results: Vec<_> = both.map(|((resource, target), waited)| Ended { resource, target, waited }).collect();
        let decisive = self.decisive(&results);
        let end = decisive.map_or(WaitEnd::TimedOut, Ended::end);
        self.show(&results, end)?;
        match decisive.and_then(Ended::failure) {
            Some(failure) => Err(failure),
            None if end == WaitEnd::Reached => Ok(()),
            None => Err(timed_out(&results)),
        }
    }

    /// Returns the resource whose result decides the wait, if it has not timed out. Of several failures, a rejection takes precedence.
    fn decisive<'r>(&self, results: &'r [Ended<'r>]) -> Option<&'r Ended<'r>> {
        let is = |end: WaitEnd| results.iter().find(|one| one.end() == end);
        let failed = || results.iter().find(|one| !matches!(one.end(), WaitEnd::Reached | WaitEnd::TimedOut));
        if self.ends_with_first {
            return is(WaitEnd::Reached).or_else(|| is(WaitEnd::Rejected)).or_else(failed);
        }
        let is_reached = results.iter().all(|one| one.end() == WaitEnd::Reached);
        is(WaitEnd::Rejected).or_else(failed).or_else(|| results.first().filter(|_| is_reached))
    }

    fn show(&self, results: &[Ended<'_>], end: WaitEnd) -> Result {
        if !self.output.is_json() {
            let mut known = results.iter().filter(|one| !one.waited.statuses.is_empty());
            return known.try_for_each(|one| {
                self.output.line(format_args!("{}{}", self.prefix(one.resource), line(&one.waited.statuses)))
            });
        }
        match results {
            [only] => self.output.json(&self.summary(only, end)),
            several => self.output.json(&SeveralWaits {
                result: end,
                handles: several.iter().map(|one| self.summary(one, end)).collect(),
            }),
        }
    }

    fn summary<'a>(&self, one: &Ended<'a>, end: WaitEnd) -> WaitSummary<'a> {
        let Ended { resource, waited, .. } = *one;
        let typical = self.typical.of(resource, &waited.statuses).into_iter();
        let is_open = one.end() == WaitEnd::TimedOut && end != WaitEnd::TimedOut;
        WaitSummary {
            kind: resource.kind(),
            id: resource.id(),
            result: if is_open { WaitEnd::Waiting } else { one.end() },
            statuses: waited.statuses.iter().map(|(flow, status)| (flow.as_str(), status.as_str())).collect(),
            confirmed: self.confirmed,
            typical_seconds: typical.filter_map(|(stage, step)| Some((stage, step.typical_seconds?))).collect(),
        }
    }
}

/// Returns the failure of a wait that timed out.
fn timed_out(results: &[Ended<'_>]) -> Failure {
    let open: Vec<_> = results.iter().filter(|one| one.waited.result.is_none()).collect();
    let names = open.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
    let is_several = results.len() > 1;
    let failure =
        open.iter().fold(Failure::new(Exit::TimedOut, format!("timed out waiting for {names}")), |failure, one| {
            let last = &one.waited.statuses;
            let status = if last.is_empty() { "no status is known".to_owned() } else { line(last) };
            let failure = failure.why(if is_several { format!("{}: {status}", one.name()) } else { status });
            match &one.waited.last_error {
                Some(last_error) => failure.why(format!("the last request failed: {}", escaped(last_error))),
                None => failure,
            }
        });
    failure.next("wait longer with --timeout")
}

/// A resource, and how the wait for it ended.
struct Ended<'a> {
    resource: &'a Resource,
    target: &'a WaitTarget,
    waited: &'a WaitReport,
}

impl Ended<'_> {
    fn end(&self) -> WaitEnd {
        match &self.waited.result {
            None => WaitEnd::TimedOut,
            Some(WaitResult::Reached { .. }) => WaitEnd::Reached,
            Some(WaitResult::Rejected { .. }) => WaitEnd::Rejected,
            Some(WaitResult::Recalled { .. }) => WaitEnd::Recalled,
            Some(WaitResult::NotSubmitted { .. }) => WaitEnd::NotSubmitted,
            Some(WaitResult::Unreachable { .. }) => WaitEnd::Unreachable,
        }
    }

    /// Returns the failure that the result implies.
    fn failure(&self) -> Option<Failure> {
        // The Marketplace's ID is unambiguous.
        let id = self.waited.submission.as_ref().map_or(self.resource.id(), SubmissionId::as_str);
        Some(match self.waited.result.as_ref()? {
            WaitResult::Reached { .. } => return None,
            WaitResult::Rejected { flow, status } => {
                let failure = Failure::new(Exit::Rejected, format!("{} was rejected: {flow} is {status}", self.name()));
                match self.resource {
                    Resource::File(_) => failure
                        .next(format!("show the file: eqp files show {id}"))
                        .next("upload a clean archive; a submission with this file is rejected"),
                    Resource::Submission(_) if *flow == Flow::Overall => {
                        failure.next(format!("show the package: eqp packages show {id}"))
                    }
                    Resource::Submission(_) => failure.next(format!("show the reasons: eqp packages report {id}")),
                }
            }
            WaitResult::Recalled { flow } => {
                Failure::new(Exit::Failed, format!("{} was recalled from its {flow} review", self.name()))
                    .next("submit it again with eqp release, then wait for it")
            }
            WaitResult::NotSubmitted { flow, .. } => {
                let other = if *flow == Flow::Marketing { Flow::Technical } else { Flow::Marketing };
                Failure::new(Exit::Failed, format!("{} is not submitted for {flow} review", self.name()))
                    .why(format!(
                        "it was submitted for {other} review only, so {} cannot be reached",
                        self.target.awaited()
                    ))
                    .next(format!("submit it: eqp release --submission {id} --track {flow}"))
                    .next(format!("or wait for the other review: eqp wait {id} --flow {other}"))
            }
            WaitResult::Unreachable { flow, status } => {
                let show = if matches!(self.resource, Resource::File(_)) { "files" } else { "packages" };
                Failure::new(Exit::Failed, format!("{} can no longer become {}", self.name(), self.target.awaited()))
                    .why(format!("{flow} is {status}, which is final"))
                    .next(format!("details: eqp {show} show {id}"))
            }
        })
    }

    fn name(&self) -> String {
        format!("{} {}", self.resource.kind(), self.resource.id())
    }
}

fn line(statuses: &Statuses) -> String {
    track_line(statuses.iter().map(|(flow, status)| (flow.as_str(), status.as_str())))
}
