//! Decides when a release queries the Marketplace again: when an event reports a change, and after growing intervals.

use std::fmt;
use std::time::Duration;

use eqp_types::Environment;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::wait::PollingInterval;
use crate::{EventSource, EventSourceError, RecordedEvents};

/// The maximum interval, with events and without them. Public release scripts poll every 15 seconds.
const MAX_INTERVAL: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(15)];

/// Waits between queries of the Marketplace, until its time is over.
pub struct Poller {
    events: Option<RecordedEvents>,
    polling: PollingInterval,
    deadline: Instant,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("polling", &self.polling)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Poller {
    /// Creates a poller that follows the events of a receiver. The timeout starts now.
    ///
    /// ```no_run
    /// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_release::EventSourceError> {
    /// use std::time::Duration;
    ///
    /// let reader = eqp_store::Reader::new(pool);
    /// let poller = eqp_release::Poller::follow(&reader, eqp_types::Environment::Sandbox, Duration::from_secs(3600)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EventSourceError`] if the source cannot be read.
    pub async fn follow(
        source: &dyn EventSource,
        environment: Environment,
        timeout: Duration,
    ) -> Result<Self, EventSourceError> {
        let events = Some(source.follow(Some(environment)).await?);
        Ok(Self { events, polling: PollingInterval::with_max(MAX_INTERVAL[0]), ..Self::without_events(timeout) })
    }

    /// Creates a poller without events. The timeout starts now.
    pub fn without_events(timeout: Duration) -> Self {
        Self { events: None, polling: PollingInterval::with_max(MAX_INTERVAL[1]), deadline: Instant::now() + timeout }
    }

    /// Starts again with short intervals after a change, because another change may follow soon.
    pub(super) fn reset_interval(&mut self) {
        self.polling.reset();
    }

    /// Waits until one of these resources may have changed. Returns whether there is time left.
    pub(super) async fn next(&mut self, resource_ids: &[&str]) -> bool {
        let until = (Instant::now() + self.polling.next()).min(self.deadline);
        loop {
            let Some(events) = &mut self.events else {
                tokio::time::sleep_until(until).await;
                break;
            };
            match tokio::time::timeout_at(until, events.next()).await {
                Err(_) => break,
                Ok(Some(Ok(event))) => {
                    let changed = event.resource_id.as_deref();
                    if changed.is_some_and(|id| resource_ids.contains(&id)) {
                        break;
                    }
                }
                Ok(None) => self.stop_following(),
                Ok(Some(Err(error))) => {
                    tracing::warn!(%error, "event stream lost, polling the Marketplace instead");
                    self.stop_following();
                }
            }
        }
        Instant::now() < self.deadline
    }

    fn stop_following(&mut self) {
        self.events = None;
        self.polling = PollingInterval::with_max(MAX_INTERVAL[1]);
    }
}
