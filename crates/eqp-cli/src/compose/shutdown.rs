//! Signals: SIGINT, SIGTERM and SIGHUP end a command without leaving anything behind that it started.
//!
//! Signals belong to the process, and so does the state kept here. From the first one on nothing in this program ends
//! it at once: a command is dropped, or finishes what it has begun, and an embedded Postgres is always stopped.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure, Outcome};

/// Signals that come closer together than this are one request: `timeout` of GNU sends its signal to the process and
/// again to its group.
const ONE_REQUEST: Duration = Duration::from_secs(1);

static SHUTDOWN: LazyLock<Shutdown> = LazyLock::new(Shutdown::default);

#[derive(Default)]
struct Shutdown {
    /// A signal has come.
    requested: CancellationToken,
    /// Another one has come some time later.
    hurried: CancellationToken,
    /// The command finishes what it has begun, instead of being dropped.
    finishes: AtomicBool,
    /// SIGHUP asks for a reload.
    hangup_reloads: AtomicBool,
}

/// Runs a command to its end or to the first signal. A command that has asked for [`requested`] ends by itself; any
/// other is dropped, and with it what it has started.
pub(crate) async fn run(command: impl Future<Output = Outcome>) -> Outcome {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, "cannot listen for signals").because(&error);
    let signals = Signals::listen().map_err(failed)?;
    tokio::spawn(signals.watch());
    tokio::select! {
        done = command => done,
        () = dropped() => Err(Failure::interrupted()),
    }
}

/// Cancelled by the first signal. The caller finishes what it has begun and then ends.
pub(crate) fn requested() -> CancellationToken {
    SHUTDOWN.finishes.store(true, Ordering::Relaxed);
    SHUTDOWN.requested.clone()
}

/// Cancelled by a second signal: requests in flight are not waited for, and what was started is still stopped.
pub(crate) fn hurried() -> CancellationToken {
    SHUTDOWN.hurried.clone()
}

/// From now on SIGHUP does not end the command: it asks for a reload.
pub(crate) fn keep_running_on_hangup() {
    SHUTDOWN.hangup_reloads.store(true, Ordering::Relaxed);
}

/// Waits for `work` without blocking the runtime, in code that is not async: a question on the terminal, a call of the
/// keyring's tool. A signal ends the wait.
pub(crate) fn wait_for<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                done = work => done,
                () = SHUTDOWN.requested.cancelled() => Err(Failure::interrupted()),
            }
        })
    })
}

/// Ready when a signal has come and the command does not end by itself.
async fn dropped() {
    SHUTDOWN.requested.cancelled().await;
    if SHUTDOWN.finishes.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where the caller ignores it, as `nohup` does.
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
        // Further ones change nothing; they are still taken, so that none ends the process.
        loop {
            self.next().await;
        }
    }

    /// The next signal that asks for an end.
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

/// Never, where it is not listened for.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP was ignored when this process began: by what the kernel says of it, and taken to be so elsewhere.
fn is_hangup_ignored() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_none_or(|signals| signals & HANGUP != 0)
}
