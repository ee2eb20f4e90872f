//! Restarts parts of the receiver that panic, so that a bug in one part neither ends the process nor stops that part until the next
//! restart.
//!
//! This requires unwinding: in a program built with `panic = "abort"`, every panic ends the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use strum::{EnumCount, EnumString, IntoStaticStr, VariantNames};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;

/// The shortest wait before a part that panicked is restarted. Parts that accept callbacks wait at most a second,
/// because senders wait for them.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT_OF_ACCEPTING: Duration = Duration::from_secs(1);
/// A part that ran this long has recovered, so the waits start again with its next panic.
const SETTLED: Duration = Duration::from_mins(1);

/// A part of the receiver that is restarted when it panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Part {
    /// The accept loop of the public listener. Each connection is a separate task.
    Listener,
    /// Writes callbacks to the database.
    BatchWriter,
    /// Writes callbacks to this machine's disk.
    SpoolWriter,
    /// Moves callbacks from the spool to the database, once the database is available again.
    SpoolDrain,
    /// Turns pending callbacks into events.
    Projector,
    /// Compares accounts with the Marketplace.
    Reconcile,
    /// Opens, updates and resolves alerts.
    Alerts,
    /// Loads changed credentials, and records that this receiver is running.
    Heartbeat,
    /// Retires replaced credentials whose grace period is over.
    RotationSweep,
    /// Copies endpoints and credential hashes into the spool.
    Snapshot,
    /// Deletes old callbacks.
    Retention,
    /// Measures the number and age of pending callbacks.
    Backlog,
    /// Receives notifications from Postgres.
    NotificationListener,
    /// Delivers events to a handler of the embedding service.
    Handler,
    /// Matches events against subscriptions.
    FanOut,
    /// Delivers events to webhooks and programs.
    Deliver,
    /// Serves metrics and health checks.
    OperatorListener,
    /// Reloads the certificate, and reports when it expires.
    Certificate,
    /// Restarts the embedded Postgres, if the program has one.
    Postgres,
}

impl Part {
    /// The names of all parts, in the order of the variants.
    pub const NAMES: [&'static str; Self::COUNT] = *Self::VARIANTS.first_chunk().expect("each variant has a name");

    /// Returns the name of the part in logs and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Restarts parts and counts their panics. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    /// Called for each panic.
    on_panic: Box<dyn Fn(Part) + Send + Sync>,
    /// Parts that a test has armed to panic once.
    faults: [AtomicBool; Part::NAMES.len()],
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::observed_by(|_| {})
    }
}

impl Supervisor {
    /// Creates a supervisor that calls `on_panic` for each panic of a part.
    pub fn observed_by(on_panic: impl Fn(Part) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { on_panic: Box::new(on_panic), faults: Default::default() }))
    }

    /// Runs a part until it returns, and restarts it whenever it panics. Returns `None` if shutdown is requested while the part waits
    /// for a restart.
    pub async fn run<F: Future>(
        &self,
        part: Part,
        shutdown: &CancellationToken,
        mut start: impl FnMut() -> F,
    ) -> Option<F::Output> {
        let mut restarts = Restarts::of(part);
        loop {
            // `start` is code of the part too, so its panics are caught as well.
            match AssertUnwindSafe(async { start().await }).catch_unwind().await {
                Ok(ended) => return Some(ended),
                Err(panic) => {
                    let wait = restarts.after_a_panic(Instant::now());
                    self.report(part, panic, wait);
                    shutdown.run_until_cancelled(sleep(wait)).await?;
                }
            }
        }
    }

    /// Runs one piece of a part's work. After a panic, waits and returns `None`, and the part continues.
    pub async fn guard<T>(&self, part: Part, restarts: &mut Restarts, work: impl Future<Output = T>) -> Option<T> {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(done) => Some(done),
            Err(panic) => {
                let wait = restarts.after_a_panic(Instant::now());
                self.report(part, panic, wait);
                sleep(wait).await;
                None
            }
        }
    }

    /// Runs one piece of work as [`guard`](Self::guard) does, on a thread instead of a task.
    pub fn guard_blocking<T>(&self, part: Part, restarts: &mut Restarts, work: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => Some(done),
            Err(panic) => {
                let wait = restarts.after_a_panic(Instant::now());
                self.report(part, panic, wait);
                std::thread::sleep(wait);
                None
            }
        }
    }

    /// Logs and counts a caught panic.
    pub fn report(&self, part: Part, panic: Box<dyn Any + Send>, wait: Duration) {
        (self.0.on_panic)(part);
        let reason = reason(&*panic);
        tracing::error!(part = part.name(), reason, restarting_in = ?wait, "a part of the receiver panicked");
        // Dropping the value of a panic can panic as well.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(panic)));
    }

    /// Panics if a test has armed this part. Costs one relaxed load otherwise, and is not called for each callback.
    pub fn fault_point(&self, part: Part) {
        let fault = &self.0.faults[part as usize];
        assert!(!(fault.load(Ordering::Relaxed) && fault.swap(false, Ordering::Relaxed)), "a fault point was armed");
    }

    /// Returns the names of all parts.
    pub fn parts() -> &'static [&'static str] {
        &Part::NAMES
    }

    /// Arms a part to panic once, the next time it reaches a fault point. For tests only: no input to a program leads here.
    ///
    /// # Panics
    ///
    /// Panics if no part has this name.
    pub fn arm(&self, part: &str) {
        self.0.faults[position(part)].store(true, Ordering::Relaxed);
    }

    /// Returns whether a part is [armed](Self::arm) and has not panicked yet.
    ///
    /// # Panics
    ///
    /// Panics if no part has this name.
    pub fn is_armed(&self, part: &str) -> bool {
        self.0.faults[position(part)].load(Ordering::Relaxed)
    }

    /// Runs the task that keeps an embedded Postgres running, for programs that have one.
    pub async fn run_postgres<F: Future>(
        &self,
        shutdown: &CancellationToken,
        mut start: impl FnMut() -> F,
    ) -> Option<F::Output> {
        self.run(Part::Postgres, shutdown, || {
            self.fault_point(Part::Postgres);
            start()
        })
        .await
    }
}

/// The growing waits before restarts of a part.
#[derive(Debug)]
pub struct Restarts {
    backoff: Backoff,
    since: Instant,
}

impl Restarts {
    pub fn of(part: Part) -> Self {
        let accepts = matches!(part, Part::Listener | Part::BatchWriter | Part::SpoolWriter);
        let longest = if accepts { LONGEST_WAIT_OF_ACCEPTING } else { LONGEST_WAIT };
        Self { backoff: Backoff::new(SHORTEST_WAIT, longest), since: Instant::now() }
    }

    fn after_a_panic(&mut self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.since) >= SETTLED {
            self.backoff.reset();
        }
        let wait = self.backoff.next_wait();
        self.since = now + wait;
        wait
    }
}

fn position(part: &str) -> usize {
    part.parse::<Part>().expect("a test names a part that exists") as usize
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_started_again_until_it_ends() {
        let panics = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&panics);
        let supervisor = Supervisor::observed_by(move |part| {
            assert_eq!(part, Part::Projector);
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let starts = AtomicUsize::new(0);
        let ended = supervisor
            .run(Part::Projector, &CancellationToken::new(), || async {
                let start = starts.fetch_add(1, Ordering::Relaxed);
                assert!(start >= 3, "number {start} fails");
                start
            })
            .await;
        assert_eq!(ended, Some(3));
        assert_eq!(panics.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn shutdown_ends_the_wait_for_a_restart() {
        let supervisor = Supervisor::default();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let ended = supervisor.run(Part::Projector, &shutdown, || async { panic!("always") }).await;
        assert_eq!(ended, None::<()>);
    }

    #[test]
    fn waits_grow_and_a_part_that_ran_for_long_is_restarted_at_once_again() {
        let mut restarts = Restarts::of(Part::Projector);
        let now = Instant::now();
        let first = restarts.after_a_panic(now);
        let later = (0..20).map(|_| restarts.after_a_panic(now)).last().unwrap();
        assert!(first <= SHORTEST_WAIT && later >= LONGEST_WAIT / 2 && later <= LONGEST_WAIT, "{later:?}");
        assert!(restarts.after_a_panic(now + LONGEST_WAIT + SETTLED) <= SHORTEST_WAIT);
        let mut accepting = Restarts::of(Part::BatchWriter);
        assert!((0..20).map(|_| accepting.after_a_panic(now)).max() <= Some(LONGEST_WAIT_OF_ACCEPTING));
    }

    #[test]
    fn an_armed_part_panics_once() {
        let supervisor = Supervisor::default();
        supervisor.arm("projector");
        supervisor.fault_point(Part::Retention);
        assert!(supervisor.is_armed("projector"));
        let panicked = catch_unwind(AssertUnwindSafe(|| supervisor.fault_point(Part::Projector)));
        assert_eq!(reason(&*panicked.unwrap_err()), "a fault point was armed");
        supervisor.fault_point(Part::Projector);
        assert!(!supervisor.is_armed("projector"));
    }
}
