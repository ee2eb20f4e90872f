//! Restarts a server that ends while it is in use.
//!
//! Long-running programs await [`EmbeddedPostgres::keep_running`]. If several processes do, the first one to acquire
//! the gate lock starts the server and the others join it. It is the same server on the same socket, so existing
//! addresses stay valid. Data that was removed is never replaced by a new, empty database.

use std::convert::Infallible;
use std::mem::discriminant;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::sleep;

use super::builder::GATE_DEADLINE;
use crate::lock::Lock;
use crate::server::CancelledStart;
use crate::server_handle::ServerHandle;
use crate::{EmbeddedPostgres, Error};

/// A server that has run for this long has recovered: the pauses start again.
const SETTLED: Duration = Duration::from_secs(30);
/// The pause before the second attempt in a row.
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(10);

impl EmbeddedPostgres {
    /// Restarts the server whenever it ends, for as long as the future is awaited. The future never completes. Dropping it is safe at any
    /// time: a start that is in progress is undone.
    ///
    /// The first attempt is made immediately. If it fails, or if the server ends again soon, the pauses between attempts grow up to ten
    /// seconds. Each outage is logged once when it begins and once when it is over, and the reason if a restart fails.
    pub async fn keep_running(&self) -> Infallible {
        let mut server = self.server.lock().await;
        let mut pauses = Pauses::default();
        loop {
            let up = Instant::now();
            let how = server.ended().await;
            let down = Instant::now();
            pauses.ended_after(up.elapsed());
            let folder = self.folder.root().display();
            // None means that it never ran, and the caller of `start_or_go_on` already knows why.
            if let Some(how) = how {
                let log = self.log();
                tracing::warn!(%folder, %how, log = %log.display(), "embedded Postgres exited unexpectedly, restarting it");
            }
            *server = self.restart(&mut pauses).await;
            tracing::info!(%folder, after = ?down.elapsed(), "embedded Postgres is running again");
        }
    }

    async fn restart(&self, pauses: &mut Pauses) -> ServerHandle {
        let mut reported = None;
        loop {
            sleep(pauses.take()).await;
            // Boxed, because the future of a start is large and rarely needed.
            match Box::pin(self.try_start()).await {
                Ok(server) => return server,
                // Logged once per kind of error, because the texts of Postgres contain the time.
                Err(error) if reported == Some(discriminant(&error)) => {
                    tracing::debug!(error = reasons(&error), "embedded Postgres still cannot be started");
                }
                Err(error) => {
                    tracing::error!(error = reasons(&error), "embedded Postgres cannot be started, retrying");
                    reported = Some(discriminant(&error));
                }
            }
        }
    }

    /// Starts the server, or joins it if another process has started it. Unlike the first start, this never creates a cluster.
    async fn try_start(&self) -> Result<ServerHandle, Error> {
        self.check_files()?;
        let gate = Lock::open(&self.folder.gate_lock())?;
        if !gate.exclusive_within(GATE_DEADLINE).await {
            return Err(Error::Busy { folder: self.folder.root().to_owned(), waited: GATE_DEADLINE });
        }
        // The previous holder of the gate lock may have removed the folder.
        self.check_files()?;
        let (_, server) = self.builder.bring_up(&self.folder, &CancelledStart::default()).await?;
        Ok(server)
    }

    fn check_files(&self) -> Result<(), Error> {
        if self.is_in_place() && self.folder.has_cluster() {
            return Ok(());
        }
        Err(Error::Removed { folder: self.folder.root().to_owned() })
    }
}

/// Returns an error with all its sources, in one line.
fn reasons(error: &Error) -> String {
    let sources = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The pauses before consecutive attempts: none before the first, then growing ones.
///
/// `eqp-store` has its own backoff, which this crate cannot use because it is in a lower layer. The two also differ:
/// this one needs no jitter, because the gate lock allows only one process to start the server.
#[derive(Debug, Default)]
struct Pauses {
    growing: Option<ExponentialBackoff>,
}

impl Pauses {
    /// Resets the pauses if the server had recovered.
    fn ended_after(&mut self, uptime: Duration) {
        if uptime >= SETTLED {
            self.growing = None;
        }
    }

    fn take(&mut self) -> Duration {
        if let Some(growing) = &mut self.growing {
            return growing.next().expect("the number of pauses is not limited");
        }
        let builder = ExponentialBuilder::new().with_min_delay(MIN_PAUSE).with_max_delay(MAX_PAUSE).without_max_times();
        self.growing = Some(builder.build());
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_is_made_at_once_and_the_pauses_are_bounded() {
        let mut pauses = Pauses::default();
        let milliseconds: Vec<_> = (0..10).map(|_| pauses.take().as_millis()).collect();
        assert_eq!(milliseconds, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    }

    #[test]
    fn only_a_server_that_ran_for_a_while_is_started_again_at_once() {
        for (lived, pause) in [(0, 100), (29, 100), (30, 0), (3600, 0)] {
            let mut pauses = Pauses::default();
            pauses.take();
            pauses.ended_after(Duration::from_secs(lived));
            assert_eq!(pauses.take(), Duration::from_millis(pause), "after {lived} s");
        }
    }
}
