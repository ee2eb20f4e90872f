//! Restarts parts of the receiver that panic. Only shutdown stops accepting: a fault in one part must not end the
//! process, and a part that ended must not stay away until somebody restarts the receiver.
//!
//! This needs unwinding: in a program built with `panic = "abort"` a panic ends the process, as it always does there.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;

/// Waits before a part that panicked is started again. Accepting itself waits no longer than the second: whatever is
/// queued meanwhile waits for it.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT_OF_ACCEPTING: Duration = Duration::from_secs(1);
/// A part that ran for so long has recovered: its next panic is a new fault.
const SETTLED: Duration = Duration::from_mins(1);

macro_rules! parts {
    ($( $(#[$meta:meta])* $part:ident = $name:literal ),* $(,)?) => {
        /// A part of the receiver that is restarted when it panics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Part { $( $(#[$meta])* $part, )* }

        impl Part {
            pub(crate) const NAMES: [&'static str; [$($name),*].len()] = [$($name),*];

            pub(crate) fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}

parts! {
    /// The public listener: its loop, not the connections, each of which is a task of its own.
    Listener = "listener",
    /// Writes callbacks to the database.
    BatchWriter = "batch_writer",
    /// Writes callbacks to this machine's disk.
    SpoolWriter = "spool_writer",
    /// Moves callbacks from the spool to the database, and finds the way back to it.
    SpoolDrain = "spool_drain",
    /// Makes events of callbacks.
    Projector = "projector",
    /// Follows changes of credentials, and reports that this receiver is alive.
    Heartbeat = "heartbeat",
    /// Ends the grace of replaced credentials.
    RotationSweep = "rotation_sweep",
    /// Copies endpoints into the spool.
    Snapshot = "snapshot",
    /// Deletes old callbacks.
    Retention = "retention",
    /// Measures what waits for its projection.
    Backlog = "backlog",
    /// Hears of changes from Postgres.
    NotificationListener = "notification_listener",
    /// Brings events to a handler of the embedding service.
    Handler = "handler",
    /// Answers metrics and health checks.
    OperatorListener = "operator_listener",
    /// Reloads the certificate, and reports when it expires.
    Certificate = "certificate",
    /// Restarts the private Postgres, where the program that runs the receiver has one.
    Postgres = "postgres",
}

/// Restarts parts and counts their panics. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    panics: [Counter; Part::NAMES.len()],
    /// Parts that are to panic once, in tests.
    faults: [AtomicBool; Part::NAMES.len()],
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").finish_non_exhaustive()
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self(Arc::new(Shared { panics: Default::default(), faults: Default::default() }))
    }
}

impl Supervisor {
    /// Counts into these counters, in the order of [`Part::NAMES`].
    pub(crate) fn counting(panics: [Counter; Part::NAMES.len()]) -> Self {
        Self(Arc::new(Shared { panics, faults: Default::default() }))
    }

    /// Runs a part until it ends by itself; starts it again whenever it panics. None where shutdown comes between two
    /// runs.
    pub(crate) async fn run<F: Future>(
        &self,
        part: Part,
        shutdown: &CancellationToken,
        mut start: impl FnMut() -> F,
    ) -> Option<F::Output> {
        let mut restarts = Restarts::of(part);
        loop {
            // What starts the part is code of the part, too.
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

    /// Does one piece of a part's work, of which the part survives a panic; none then.
    pub(crate) async fn guard<T>(
        &self,
        part: Part,
        restarts: &mut Restarts,
        work: impl Future<Output = T>,
    ) -> Option<T> {
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

    /// The same on a thread of the part's own.
    pub(crate) fn guard_blocking<T>(&self, part: Part, restarts: &mut Restarts, work: impl FnOnce() -> T) -> Option<T> {
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

    /// Logs and counts a panic that the part has survived.
    pub(crate) fn report(&self, part: Part, panic: Box<dyn Any + Send>, wait: Duration) {
        self.0.panics[part as usize].inc();
        let reason = reason(&*panic);
        tracing::error!(part = part.name(), reason, restarting_in = ?wait, "a part of the receiver panicked");
        // The panic's value may itself panic when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(panic)));
    }

    /// Panics here, if a test wants this part to. One relaxed load otherwise; never in the path of a single callback.
    pub(crate) fn fault_point(&self, part: Part) {
        let fault = &self.0.faults[part as usize];
        assert!(!(fault.load(Ordering::Relaxed) && fault.swap(false, Ordering::Relaxed)), "a fault point was armed");
    }

    /// The names of all parts.
    pub fn parts() -> &'static [&'static str] {
        &Part::NAMES
    }

    /// Makes a part panic once, when it next does something. For tests; nothing in a program that was built leads here
    /// but a call from its own code.
    ///
    /// # Panics
    /// For a name that no part has.
    pub fn arm(&self, part: &str) {
        self.0.faults[position(part)].store(true, Ordering::Relaxed);
    }

    /// Whether a part that was [armed](Self::arm) has not panicked yet.
    ///
    /// # Panics
    /// For a name that no part has.
    pub fn is_armed(&self, part: &str) -> bool {
        self.0.faults[position(part)].load(Ordering::Relaxed)
    }

    /// Runs the upkeep of a private Postgres, for programs that have one.
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

/// How a part is restarted.
#[derive(Debug)]
pub(crate) struct Restarts {
    backoff: Backoff,
    since: Instant,
}

impl Restarts {
    pub(crate) fn of(part: Part) -> Self {
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
    Part::NAMES.iter().position(|name| *name == part).expect("a test names a part that exists")
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
        let supervisor = Supervisor::default();
        let starts = AtomicUsize::new(0);
        let ended = supervisor
            .run(Part::Projector, &CancellationToken::new(), || async {
                let start = starts.fetch_add(1, Ordering::Relaxed);
                assert!(start >= 3, "number {start} fails");
                start
            })
            .await;
        assert_eq!(ended, Some(3));
        assert_eq!(supervisor.0.panics[Part::Projector as usize].get(), 3);
        assert_eq!(supervisor.0.panics[Part::Retention as usize].get(), 0);
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
        assert!(first <= SHORTEST_WAIT && later > Duration::from_secs(20) && later <= LONGEST_WAIT, "{later:?}");
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
