//! Waits until a review or a malware scan has finished.
//!
//! Changes are learned from the events of a receiver, if there are any, and a final status is confirmed with the Marketplace, if there
//! is a client. Without events, the Marketplace is polled with growing intervals.

mod poll;
mod polling;
mod result;
mod sources;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eqp_client::Client;
use eqp_types::{Environment, SubmissionId};

use self::poll::Watched;
pub(crate) use self::polling::{PollingInterval, is_transient};
pub use self::result::{Statuses, UnreachableStatus, WaitResult, WaitTarget, statuses_of, wait_result};
pub use self::sources::Resource;
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
    /// The result, or `None` if the wait has ended without one: it timed out, or another resource decided it.
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
/// One wait can be for several resources (see [`also`](Wait::also)), which are then queried together.
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
    /// At least one.
    resources: Vec<(Resource, WaitTarget)>,
    /// Whether the first result ends the wait, instead of the first failure.
    ends_with_first: bool,
    timeout: Duration,
    interval: Option<Duration>,
    environment: Option<Environment>,
    events: Option<Arc<dyn EventSource>>,
    client: Option<Client>,
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("resources", &self.resources).finish_non_exhaustive()
    }
}

impl Wait {
    /// Creates a wait for `target` of `resource`, for at most `timeout`. With a timeout of zero, each source is queried once.
    pub fn new(resource: Resource, target: WaitTarget, timeout: Duration) -> Self {
        Self {
            resources: vec![(resource, target)],
            ends_with_first: false,
            timeout,
            interval: None,
            environment: None,
            events: None,
            client: None,
        }
    }

    /// Adds a resource. The wait ends when all have reached their target, or when one can no longer reach it.
    #[must_use]
    pub fn also(mut self, resource: Resource, target: WaitTarget) -> Self {
        self.resources.push((resource, target));
        self
    }

    /// Ends the wait when the first resource has a result.
    #[must_use]
    pub fn any(self) -> Self {
        Self { ends_with_first: true, ..self }
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

    /// Waits, and calls `report` for each event. Returns the report about the first resource.
    ///
    /// # Errors
    /// As [`run_all`](Self::run_all).
    pub async fn run(&self, mut report: impl FnMut(WaitEvent<'_>)) -> Result<WaitReport, WaitError> {
        let mut reports = self.run_all(|_, event| report(event)).await?;
        Ok(reports.swap_remove(0))
    }

    /// Waits, and calls `report` for each event, with the resource that it is about ([`WaitEvent::EventsUnavailable`]: the first one). Returns
    /// a report about each resource, in their order.
    ///
    /// # Errors
    /// [`WaitError::NoSource`] if neither a source of events nor a client is configured; [`WaitError::Events`] if the source cannot be read
    /// and there is no client; [`WaitError::Marketplace`] if the Marketplace rejects the request.
    pub async fn run_all(
        &self,
        mut report: impl FnMut(&Resource, WaitEvent<'_>),
    ) -> Result<Vec<WaitReport>, WaitError> {
        if self.events.is_none() && self.client.is_none() {
            return Err(WaitError::NoSource);
        }
        let mut watched: Vec<_> =
            self.resources.iter().map(|(resource, target)| Watched::new(resource, target)).collect();
        let polled = self.poll(&mut watched, &mut report);
        if self.timeout.is_zero() {
            polled.await?;
        } else {
            tokio::time::timeout(self.timeout, polled).await.ok().transpose()?;
        }
        let report = |Watched { state, result, .. }| {
            let WaitState { statuses, submission, last_error, .. } = state;
            WaitReport { statuses, result, submission, last_error }
        };
        Ok(watched.into_iter().map(report).collect())
    }
}
