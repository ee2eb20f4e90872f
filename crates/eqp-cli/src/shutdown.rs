//! Signals: SIGINT, SIGTERM and SIGHUP end a command, and stop everything that it started.
//!
//! Signals belong to the process, so the state in this module is global. After the first signal, a command is dropped or finishes its
//! work in progress, and an embedded Postgres is always stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure, Result};

/// Signals within this time count as one: GNU `timeout` sends its signal to the process and again to its group.
const ONE_REQUEST: Duration = Duration::from_secs(1);

static SHUTDOWN: LazyLock<Shutdown> = LazyLock::new(Shutdown::default);

#[derive(Default)]
struct Shutdown {
    /// The first signal has arrived.
    requested: CancellationToken,
    /// A later signal has arrived.
    hurried: CancellationToken,
    /// The command finishes its work in progress instead of being dropped.
    finishes: AtomicBool,
    /// SIGHUP requests a reload.
    hangup_reloads: AtomicBool,
}

/// Runs a command until it ends or the first signal arrives. A command that has called [`requested`] ends itself; any other one is
/// dropped, together with everything that it started.
pub(crate) async fn run(command: impl Future<Output = Result>) -> Result {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, "cannot listen for signals").because(&error);
    let signals = Signals::listen().map_err(failed)?;
    tokio::spawn(signals.watch());
    tokio::select! {
        done = command => done,
        () = dropped() => Err(Failure::interrupted()),
    }
}

/// Returns a token that the first signal cancels. The caller then finishes its work in progress and ends.
pub(crate) fn requested() -> CancellationToken {
    SHUTDOWN.finishes.store(true, Ordering::Relaxed);
    SHUTDOWN.requested.clone()
}

/// Returns a token that a second signal cancels: the caller then drops in-flight requests, and only stops what it started.
pub(crate) fn hurried() -> CancellationToken {
    SHUTDOWN.hurried.clone()
}

/// Makes SIGHUP request a reload instead of ending the command.
pub(crate) fn keep_running_on_hangup() {
    SHUTDOWN.hangup_reloads.store(true, Ordering::Relaxed);
}

/// Waits for `work` in code that is not async, such as a question on the terminal, without blocking the runtime. A signal ends the
/// wait.
pub(crate) fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                done = work => done,
                () = SHUTDOWN.requested.cancelled() => Err(Failure::interrupted()),
            }
        })
    })
}

/// Reads input on a separate thread, which is abandoned when a signal arrives: nothing ends a read from a pipe to which nobody writes.
pub(crate) fn read_input<T: Send + 'static>(
    read: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<std::io::Result<T>> {
    wait_for(async {
        let (sender, read_to_end) = tokio::sync::oneshot::channel();
        // The receiver may have been dropped before the input ends.
        std::thread::spawn(move || drop(sender.send(read())));
        Ok(read_to_end.await.unwrap_or_else(|error| Err(std::io::Error::other(error))))
    })
}

/// Completes when a signal has arrived, unless the command ends itself.
async fn dropped() {
    SHUTDOWN.requested.cancelled().await;
    if SHUTDOWN.finishes.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the caller ignores the signal, as `nohup` does.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    async fn watch(mut self) {
        self.next().await;
        let first = Instant::now();
        SHUTDOWN.requested.cancel();
        while first.elapsed() < ONE_REQUEST {
            self.next().await;
        }
        SHUTDOWN.hurried.cancel();
        // Further signals are ignored, but have to be received, so that they do not end the process.
        loop {
            self.next().await;
        }
    }

    /// Waits for the next signal that requests an end.
    async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                () = received(&mut self.hangup) => {
                    if !SHUTDOWN.hangup_reloads.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        }
    }
}

/// Waits for a signal. Never returns if the signal is ignored.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Returns whether SIGHUP was ignored when this process started. If /proc does not show it, it counts as ignored.
fn is_hangup_ignored() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_none_or(|signals| signals & HANGUP != 0)
}

/// Returns a notification of each SIGHUP from now on.
pub(crate) fn reload_requested() -> Result<Arc<Notify>> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, "cannot listen for signals").because(&error);
    let mut hangups = signal(SignalKind::hangup()).map_err(failed)?;
    let reload = Arc::new(Notify::new());
    let notify = Arc::clone(&reload);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            notify.notify_one();
        }
    });
    Ok(reload)
}
