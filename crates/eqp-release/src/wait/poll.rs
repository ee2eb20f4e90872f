//! The loop of a wait, for all of its resources together.

use std::time::Duration;

use eqp_client::Client;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::polling::{PollingInterval, is_transient};
use super::result::{Statuses, WaitResult, WaitTarget, wait_result};
use super::sources::{Resource, read_marketplace, read_recorded, wait_for_event};
use super::state::{Observation, WaitState};
use super::{Wait, WaitError, WaitEvent};
use crate::{EventSource, EventSourceError};

/// The maximum number of concurrent requests to the Marketplace, and of concurrent queries of what a receiver has recorded.
const MAX_REQUESTS: usize = 4;

/// A resource of a wait, and what is known about it.
pub(super) struct Watched<'a> {
    pub(super) resource: &'a Resource,
    target: &'a WaitTarget,
    pub(super) state: WaitState,
    pub(super) result: Option<WaitResult>,
    /// The last statuses from the Marketplace.
    seen: Statuses,
    /// Its callbacks report a result, which the Marketplace has to confirm.
    ended_in_callbacks: bool,
}

impl<'a> Watched<'a> {
    pub(super) fn new(resource: &'a Resource, target: &'a WaitTarget) -> Self {
        let state = WaitState::default();
        Self { resource, target, state, result: None, seen: Statuses::new(), ended_in_callbacks: false }
    }
}

impl Wait {
    /// Queries and waits for changes until the wait is over, or once if the timeout is zero.
    pub(super) async fn poll(
        &self,
        watched: &mut [Watched<'_>],
        report: &mut impl FnMut(&Resource, WaitEvent<'_>),
    ) -> Result<(), WaitError> {
        // Start to follow events before the first query, so that no change is missed in between.
        let mut source = self.events.as_deref();
        let mut events = None;
        if let Some(recorded) = source {
            match recorded.follow(self.environment).await {
                Ok(followed) => events = Some(followed),
                Err(error) => self.stop_following(error, &mut source, report)?,
            }
        }
        let interval = self.max_interval();
        let mut polling = PollingInterval::with_max(interval);
        let mut next_poll = Instant::now();
        loop {
            if let Some(recorded) = source
                && let Err(error) = self.read_events(recorded, watched, report).await
            {
                self.stop_following(error, &mut source, report)?;
            }
            let is_due = Instant::now() >= next_poll;
            if let Some(client) = &self.client
                && (is_due || watched.iter().any(|one| one.ended_in_callbacks))
            {
                let is_changed = self.ask_marketplace(client, watched, is_due, report).await?;
                if is_changed {
                    polling.reset();
                }
                if is_due || is_changed {
                    next_poll = Instant::now() + polling.next();
                }
            }
            if self.is_over(watched) || self.timeout.is_zero() {
                return Ok(());
            }
            let until_poll = next_poll.saturating_duration_since(Instant::now());
            let at_most = if self.client.is_some() { until_poll } else { interval };
            if let Err(error) = wait_for_event(events.as_mut().filter(|_| source.is_some()), at_most).await {
                self.stop_following(error, &mut source, report)?;
            }
        }
    }

    /// Returns whether the results decide the wait.
    fn is_over(&self, watched: &[Watched<'_>]) -> bool {
        let mut results = watched.iter().map(|one| &one.result);
        if self.ends_with_first {
            return results.any(Option::is_some);
        }
        let is_missed = |result: &Option<WaitResult>| !matches!(result, None | Some(WaitResult::Reached { .. }));
        results.clone().all(Option::is_some) || results.any(is_missed)
    }

    /// Continues without events, if there is a client.
    fn stop_following(
        &self,
        error: EventSourceError,
        source: &mut Option<&dyn EventSource>,
        report: &mut impl FnMut(&Resource, WaitEvent<'_>),
    ) -> Result<(), WaitError> {
        if self.client.is_none() {
            return Err(error.into());
        }
        report(&self.resources[0].0, WaitEvent::EventsUnavailable(error));
        *source = None;
        Ok(())
    }

    /// Reads what a receiver has recorded about the resources without a result.
    async fn read_events(
        &self,
        recorded: &dyn EventSource,
        watched: &mut [Watched<'_>],
        report: &mut impl FnMut(&Resource, WaitEvent<'_>),
    ) -> Result<(), EventSourceError> {
        let open = indexes(watched, |one| one.result.is_none());
        let resources: Vec<_> = open.iter().map(|index| (*index, watched[*index].resource)).collect();
        let mut found = stream::iter(resources)
            .map(|(index, resource)| async move { (index, read_recorded(recorded, self.environment, resource).await) })
            .buffered(MAX_REQUESTS);
        while let Some((index, found)) = found.next().await {
            let one = &mut watched[index];
            let Some(statuses) = one.state.merge_callbacks(found?) else { continue };
            let end = self.result_from_callbacks(&statuses, one.target);
            one.ended_in_callbacks = end.is_some();
            one.state.set(statuses, end.is_some(), &mut |event| report(one.resource, event));
            if self.client.is_none() {
                one.result = end;
            }
        }
        Ok(())
    }

    /// Returns the result according to callbacks. Without a client to confirm it, an expected callback may still arrive.
    fn result_from_callbacks(&self, statuses: &Statuses, target: &WaitTarget) -> Option<WaitResult> {
        let is_certain = |end: &WaitResult| !matches!(end, WaitResult::NotSubmitted { other_running: true, .. });
        wait_result(statuses, target).filter(|end| self.client.is_some() || is_certain(end))
    }

    /// Queries the Marketplace about all resources without a result, or only about those whose callbacks report one. Returns whether a
    /// status has changed.
    async fn ask_marketplace(
        &self,
        client: &Client,
        watched: &mut [Watched<'_>],
        is_due: bool,
        report: &mut impl FnMut(&Resource, WaitEvent<'_>),
    ) -> Result<bool, WaitError> {
        let asked = indexes(watched, |one| one.result.is_none() && (is_due || one.ended_in_callbacks));
        let resources: Vec<_> = asked.iter().map(|index| (*index, watched[*index].resource)).collect();
        let mut answers = stream::iter(resources)
            .map(|(index, resource)| async move { (index, read_marketplace(client, resource).await) })
            .buffered(MAX_REQUESTS);
        let mut is_changed = false;
        while let Some((index, answer)) = answers.next().await {
            let one = &mut watched[index];
            one.ended_in_callbacks = false;
            accept_answer(one, answer, report)?;
            // Compare only statuses from the Marketplace: those from callbacks may be older.
            if one.state.statuses != one.seen {
                one.seen.clone_from(&one.state.statuses);
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    fn max_interval(&self) -> Duration {
        let usual = super::DEFAULT_INTERVAL[usize::from(self.events.is_none())];
        self.interval.unwrap_or(usual).max(super::MIN_INTERVAL)
    }
}

/// Accepts a response of the Marketplace. Transient failures are recorded, and rejections end the wait.
fn accept_answer(
    one: &mut Watched<'_>,
    answer: Result<Observation, eqp_client::Error>,
    report: &mut impl FnMut(&Resource, WaitEvent<'_>),
) -> Result<(), WaitError> {
    let resource = one.resource;
    match answer {
        Ok(found) => {
            let statuses = one.state.accept_answer(found);
            one.result = wait_result(&statuses, one.target);
            one.state.set(statuses, one.result.is_some(), &mut |event| report(resource, event));
            Ok(())
        }
        Err(error) if is_transient(&error) => {
            one.state.record_failure(error, &mut |event| report(resource, event));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the indexes of the resources that fulfil a condition.
fn indexes(watched: &[Watched<'_>], is_selected: impl Fn(&Watched<'_>) -> bool) -> Vec<usize> {
    watched.iter().enumerate().filter(|(_, one)| is_selected(one)).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use eqp_types::{Flow, SubmissionId};

    use super::*;

    #[test]
    fn all_end_with_the_first_that_fails_and_any_with_the_first_that_ends() {
        let resource = Resource::Submission(SubmissionId::new("s1").unwrap());
        let target = WaitTarget { flow: Flow::Overall, status: None };
        let reached = || Some(WaitResult::Reached { flow: Flow::Overall, status: "released_to_store".to_owned() });
        let recalled = || Some(WaitResult::Recalled { flow: Flow::Technical });
        for (results, all, any) in [
            ([None, None], false, false),
            ([reached(), None], false, true),
            ([None, recalled()], true, true),
            ([reached(), reached()], true, true),
            ([reached(), recalled()], true, true),
        ] {
            let watched = results.clone().map(|result| Watched { result, ..Watched::new(&resource, &target) });
            let wait = || Wait::new(resource.clone(), target.clone(), Duration::ZERO);
            assert_eq!((wait().is_over(&watched), wait().any().is_over(&watched)), (all, any), "{results:?}");
        }
    }
}
