//! Starting a server again that ends while it is in use.
//!
//! Whoever uses a private Postgres for long awaits [`EmbeddedPostgres::keep_running`]. Of several processes that do, the first one
//! behind the gate starts the server and the others find it running. It is the same server on the same socket, so
//! that whoever holds its address finds it again. Nothing is ever made in the place of data that went away.

use std::convert::Infallible;
use std::mem::discriminant;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::builder::GATE_DEADLINE;
use crate::lock::Lock;
use crate::watched::Watched;
use crate::{EmbeddedPostgres, Error};

/// A server that ran for so long has recovered: its next end is a new trouble.
const SETTLED: Duration = Duration::from_secs(30);
/// The pause before the second try in a row.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Before each try after many.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl EmbeddedPostgres {
    /// Starts the server again whenever it ends, however that happens, for as long as the future is awaited. It never ends
    /// by itself; dropping it is safe at any time and leaves no start halfway.
    ///
    /// The first try is made at once; when it fails, or when the server ends again soon, the pauses grow up to ten seconds.
    /// Each outage is logged once, with the reason if it cannot be ended, and once more when it is over.
    pub async fn keep_running(&self) -> Infallible {
        let mut server = self.server.lock().await;
        let mut pauses = Pauses::default();
        loop {
            let up = Instant::now();
            let how = server.ended().await;
            let down = Instant::now();
            pauses.after_a_life_of(up.elapsed());
            let folder = self.folder.root().display();
            // One that never ran is no news: whoever goes on without it was told why.
            if let Some(how) = how {
                tracing::warn!(%folder, %how, log = %self.log().display(), "the private Postgres has ended; starting it again");
            }
            *server = self.until_it_runs(&mut pauses).await;
            tracing::info!(%folder, after = ?down.elapsed(), "the private Postgres runs again");
        }
    }

    async fn until_it_runs(&self, pauses: &mut Pauses) -> Watched {
        let mut told = None;
        loop {
            sleep(pauses.take()).await;
            // Boxed, for a start with all that it may need is large, and rare.
            match Box::pin(self.start_again()).await {
                Ok(server) => return server,
                // Told once, and not with every try: by its kind, for what Postgres says has the time in it.
                Err(error) if told == Some(discriminant(&error)) => {
                    tracing::debug!(error = reasons(&error), "the private Postgres still cannot be started");
                }
                Err(error) => {
                    tracing::error!(error = reasons(&error), "the private Postgres cannot be started; trying on");
                    told = Some(discriminant(&error));
                }
            }
        }
    }

    /// Starts the server, or joins where another process has done so. Unlike the first start it takes nothing but what was
    /// there before.
    async fn start_again(&self) -> Result<Watched, Error> {
        self.check_that_all_is_there()?;
        let gate = Lock::open(&self.folder.gate_lock())?;
        if !gate.exclusive_within(GATE_DEADLINE).await {
            return Err(Error::Busy { folder: self.folder.root().to_owned(), waited: GATE_DEADLINE });
        }
        // Whoever had the gate may have removed the folder.
        self.check_that_all_is_there()?;
        let (_, server) = self.builder.bring_up(&self.folder).await?;
        Ok(server)
    }

    fn check_that_all_is_there(&self) -> Result<(), Error> {
        if self.is_in_place() && self.folder.has_cluster() {
            return Ok(());
        }
        Err(Error::Removed { folder: self.folder.root().to_owned() })
    }
}

/// An error with all its sources, in one line.
fn reasons(error: &Error) -> String {
    let sources = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What is waited before each try in a row: nothing, then more and more.
#[derive(Debug, Default)]
struct Pauses {
    next: Duration,
}

impl Pauses {
    /// A server has ended that ran for so long.
    fn after_a_life_of(&mut self, lived: Duration) {
        if lived >= SETTLED {
            *self = Self::default();
        }
    }

    fn take(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        pause
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
            pauses.after_a_life_of(Duration::from_secs(lived));
            assert_eq!(pauses.take(), Duration::from_millis(pause), "after {lived} s");
        }
    }
}
