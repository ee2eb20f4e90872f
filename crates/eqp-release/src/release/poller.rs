//! Decides when a release queries the Marketplace again: when an event reports a change, and after growing intervals.

use std::time::Duration;

use eqp_store::{Reader, Tail};
use eqp_types::Environment;
use tokio::time::Instant;

use crate::wait::{PollingInterval, event_tail};

/// The maximum interval, with a database that reports changes and without one. Public release scripts poll every 15 seconds.
const MAX_INTERVAL: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(15)];

/// Waits between queries of the Marketplace, until its time is over.
#[derive(Debug)]
pub struct Poller {
    tail: Option<Tail>,
    polling: PollingInterval,
    deadline: Instant,
}

impl Poller {
    /// Creates a poller that follows the events of a receiver's database. The timeout starts now.
    /// ```no_run
    /// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_store::Error> {
    /// use std::time::Duration;
    ///
    /// let reader = eqp_store::Reader::new(pool);
    /// let poller = eqp_release::Poller::follow(&reader, eqp_types::Environment::Sandbox, Duration::from_secs(3600)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`eqp_store::Error`] if the database cannot be read.
    pub async fn follow(
        reader: &Reader,
        environment: Environment,
        timeout: Duration,
    ) -> Result<Self, eqp_store::Error> {
        let tail = Some(event_tail(reader, Some(environment)).await?);
        Ok(Self { tail, polling: PollingInterval::with_max(MAX_INTERVAL[0]), ..Self::without_events(timeout) })
    }

    /// Creates a poller without a database. The timeout starts now.
    pub fn without_events(timeout: Duration) -> Self {
        Self { tail: None, polling: PollingInterval::with_max(MAX_INTERVAL[1]), deadline: Instant::now() + timeout }
    }

    /// Starts again with short intervals after a change, because another change may follow soon.
    pub(super) fn reset_interval(&mut self) {
        self.polling.reset();
    }

    /// Waits until one of these resources may have changed. Returns whether there is time left.
    pub(super) async fn next(&mut self, resource_ids: &[&str]) -> bool {
        let until = (Instant::now() + self.polling.next()).min(self.deadline);
        loop {
            let Some(tail) = &mut self.tail else {
                tokio::time::sleep_until(until).await;
                break;
            };
            match tokio::time::timeout_at(until, tail.next()).await {
                Err(_) => break,
                Ok(Ok(Some(event))) => {
                    let changed = event.resource_id.as_deref();
                    if changed.is_some_and(|id| resource_ids.contains(&id)) {
                        break;
                    }
                }
                Ok(Ok(None)) => self.stop_following(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "event stream lost, polling the Marketplace instead");
                    self.stop_following();
                }
            }
        }
        Instant::now() < self.deadline
    }

    fn stop_following(&mut self) {
        self.tail = None;
        self.polling = PollingInterval::with_max(MAX_INTERVAL[1]);
    }
}
