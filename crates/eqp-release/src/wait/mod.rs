//! Waits until a review or a malware scan has finished.
//!
//! Changes are learned from the events of a receiver, if there are any, and a final status is confirmed with the Marketplace, if there
//! is a client. Without events, the Marketplace is polled with growing intervals.

mod polling;
mod result;
mod sources;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eqp_client::Client;
use eqp_types::{Environment, SubmissionId};
use tokio::time::Instant;

pub(crate) use self::polling::{PollingInterval, is_transient};
pub use self::result::{Statuses, UnreachableStatus, WaitResult, WaitTarget, statuses_of, wait_result};
pub use self::sources::Resource;
use self::sources::{read_marketplace, read_recorded, wait_for_event};
use self::state::WaitState;
use crate::{EventSource, EventSourceError};

/// The default maximum polling interval, with events and without them.
const DEFAULT_INTERVAL: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(15)];
/// The minimum for the maximum interval, to limit the load on the Marketplace.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// An event during a wait.
#[derive(Debug)]
pub enum WaitEvent<'a> {
    /// The statuses have changed, or are known for the first time. The statuses that end the wait are in [`WaitReport`] instead.
    Changed(&'a Statuses),
    /// Events are not available any more. The Marketplace is polled instead.
    EventsUnavailable(EventSourceError),
    /// A request to the Marketplace failed and is retried. Reported once until the next successful request.
    Unanswered(eqp_client::Error),
}

/// The outcome of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitReport {
    /// The last known statuses. Empty if none were received.
    pub statuses: Statuses,
    /// The result, or `None` if the wait timed out.
    pub result: Option<WaitResult>,
    /// The submission ID, also if the wait used the item ID.
    pub submission: Option<SubmissionId>,
    /// The reason why the last request to the Marketplace failed, if it did.
    pub last_error: Option<String>,
}

/// The reason why a wait failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// Neither a source of events nor a client is configured.
    #[error("a wait needs a source of events or a Marketplace client")]
    NoSource,
    /// The Marketplace rejected the request.
    #[error(transparent)]
    Marketplace(#[from] eqp_client::Error),
    /// The source of events cannot be read, and there is no client.
    #[error(transparent)]
    Events(#[from] EventSourceError),
}

/// Waits for a status of a submission or a file.
///
/// ```no_run
/// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use eqp_release::wait::{WaitResult, Resource, Wait, WaitEvent, WaitTarget};
/// use eqp_types::{Flow, SubmissionId};
///
/// let submission = Resource::Submission(SubmissionId::new("s5w9k703ru")?);
/// let wait = Wait::new(submission, WaitTarget::new(Flow::Technical, None)?, Duration::from_secs(3600)).ask(client);
/// let waited = wait
///     .run(|event| {
///         if let WaitEvent::Changed(statuses) = event {
///             eprintln!("{statuses:?}");
///         }
///     })
///     .await?;
/// assert!(matches!(waited.result, Some(WaitResult::Reached { .. })));
/// # Ok(())
/// # }
/// ```
///
/// With the events of a receiver, changes are noticed immediately, and the Marketplace has to be polled less often:
///
/// ```no_run
/// # async fn example(
/// #     client: eqp_client::Client, pool: eqp_store::sqlx::PgPool, wait: eqp_release::wait::Wait,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// let reader = eqp_store::Reader::new(pool);
/// let wait = wait.follow(reader, Some(client.environment())).ask(client).interval(Duration::from_secs(300));
/// println!("{:?}", wait.run(|_event| {}).await?.result);
/// # Ok(())
/// # }
/// ```
pub struct Wait {
    resource: Resource,
    target: WaitTarget,
    timeout: Duration,
    interval: Option<Duration>,
    environment: Option<Environment>,
    events: Option<Arc<dyn EventSource>>,
    client: Option<Client>,
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("resource", &self.resource).field("target", &self.target).finish_non_exhaustive()
    }
}

impl Wait {
    /// Creates a wait for `target` of `resource`, for at most `timeout`. With a timeout of zero, each source is queried once.
    pub fn new(resource: Resource, target: WaitTarget, timeout: Duration) -> Self {
        Self { resource, target, timeout, interval: None, environment: None, events: None, client: None }
    }

    /// Sets the source of events, such as the database of a receiver.
    #[must_use]
    pub fn follow(self, source: impl EventSource + 'static, environment: Option<Environment>) -> Self {
        Self { events: Some(Arc::new(source)), environment, ..self }
    }

    /// Sets the client with which to query the Marketplace.
    #[must_use]
    pub fn ask(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// Sets the maximum polling interval (default: 1 minute with events, 15 s without them). The first intervals are shorter.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: Some(interval), ..self }
    }

    /// Waits, and calls `report` for each event.
    ///
    /// # Errors
    /// [`WaitError::NoSource`] if neither a source of events nor a client is configured; [`WaitError::Events`] if the source cannot be read
    /// and there is no client; [`WaitError::Marketplace`] if the Marketplace rejects the request.
    pub async fn run(&self, mut report: impl FnMut(WaitEvent<'_>)) -> Result<WaitReport, WaitError> {
        if self.events.is_none() && self.client.is_none() {
            return Err(WaitError::NoSource);
        }
        let mut state = WaitState::default();
        let polled = self.poll(&mut state, &mut report);
        let result = if self.timeout.is_zero() {
            polled.await?
        } else {
            tokio::time::timeout(self.timeout, polled).await.ok().transpose()?.flatten()
        };
        let WaitState { statuses, submission, last_error, .. } = state;
        Ok(WaitReport { statuses, result, submission, last_error })
    }

    fn max_interval(&self) -> Duration {
        let usual = DEFAULT_INTERVAL[usize::from(self.events.is_none())];
        self.interval.unwrap_or(usual).max(MIN_INTERVAL)
    }

    /// Queries and waits for changes until there is a result, or once if the timeout is zero. The last known statuses are in `state`.
    async fn poll(
        &self,
        state: &mut WaitState,
        report: &mut impl FnMut(WaitEvent<'_>),
    ) -> Result<Option<WaitResult>, WaitError> {
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
        let mut seen = Statuses::new();
        let mut next_poll = Instant::now();
        loop {
            let mut ended_in_callbacks = false;
            if let Some(recorded) = source {
                match read_recorded(recorded, self.environment, &self.resource).await {
                    Ok(found) => {
                        if let Some(statuses) = state.merge_callbacks(found) {
                            let end = self.result_from_callbacks(&statuses);
                            ended_in_callbacks = end.is_some();
                            state.set(statuses, ended_in_callbacks, report);
                            if self.client.is_none()
                                && let Some(end) = end
                            {
                                return Ok(Some(end));
                            }
                        }
                    }
                    Err(error) => self.stop_following(error, &mut source, report)?,
                }
            }
            if let Some(client) = &self.client
                && (ended_in_callbacks || Instant::now() >= next_poll)
            {
                if let Some(end) = self.poll_marketplace(client, state, report).await? {
                    return Ok(Some(end));
                }
                // Compare only statuses from the Marketplace: those from callbacks may be older.
                if state.statuses != seen {
                    seen.clone_from(&state.statuses);
                    polling.reset();
                }
                next_poll = Instant::now() + polling.next();
            }
            if self.timeout.is_zero() {
                return Ok(None);
            }
            let until_poll = next_poll.saturating_duration_since(Instant::now());
            let at_most = if self.client.is_some() { until_poll } else { interval };
            if let Err(error) = wait_for_event(events.as_mut().filter(|_| source.is_some()), at_most).await {
                self.stop_following(error, &mut source, report)?;
            }
        }
    }

    /// Continues without events, if there is a client.
    fn stop_following(
        &self,
        error: EventSourceError,
        source: &mut Option<&dyn EventSource>,
        report: &mut impl FnMut(WaitEvent<'_>),
    ) -> Result<(), WaitError> {
        if self.client.is_none() {
            return Err(error.into());
        }
        report(WaitEvent::EventsUnavailable(error));
        *source = None;
        Ok(())
    }

    /// Returns the result according to callbacks. Without a client to confirm it, an expected callback may still arrive.
    fn result_from_callbacks(&self, statuses: &Statuses) -> Option<WaitResult> {
        let is_certain = |end: &WaitResult| !matches!(end, WaitResult::NotSubmitted { other_running: true, .. });
        wait_result(statuses, &self.target).filter(|end| self.client.is_some() || is_certain(end))
    }

    /// Queries the Marketplace. Transient failures are recorded, and rejections end the wait.
    async fn poll_marketplace(
        &self,
        client: &Client,
        state: &mut WaitState,
        report: &mut impl FnMut(WaitEvent<'_>),
    ) -> Result<Option<WaitResult>, WaitError> {
        match read_marketplace(client, &self.resource).await {
            Ok(found) => {
                let statuses = state.accept_answer(found);
                let end = wait_result(&statuses, &self.target);
                state.set(statuses, end.is_some(), report);
                Ok(end)
            }
            Err(error) if is_transient(&error) => {
                state.record_failure(error, report);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
