//! Adjusts the resources of this process: the limit on open files, and the memory after a flood of connections.
//!
//! An open connection uses tens of kilobytes. After a flood, the freed memory is fragmented. glibc returns only memory
//! at the end of its heap to the system, so the receiver would keep the memory of the peak.

use std::time::Duration;

use eqp_receiver::Metrics;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The interval at which the number of connections is checked.
const PERIOD: Duration = Duration::from_secs(2);
/// Minimum number of connections of a flood. After fewer connections, searching the heap is not worth its cost.
const FLOOD: usize = 100;
/// The last wait before memory is returned. After a flood, memory is returned repeatedly, with doubling waits, because
/// connections that are no longer counted take some time to close.
const LAST_WAIT: Duration = Duration::from_secs(64);

/// Returns freed memory to the system after each flood of connections, until shutdown.
pub(crate) async fn return_after_floods(metrics: Metrics, shutdown: CancellationToken) {
    let mut peak = 0;
    let mut next: Option<(Instant, Duration)> = None;
    while shutdown.run_until_cancelled(sleep(PERIOD)).await.is_some() {
        let open = metrics.open_connections();
        if peak < FLOOD && open >= FLOOD {
            tracing::debug!(open, "many connections are open");
        }
        peak = peak.max(open);
        let now = Instant::now();
        if has_ended(peak, open) {
            peak = open;
            next = Some((now, PERIOD));
        }
        if let Some((_, wait)) = next.filter(|(at, _)| *at <= now) {
            // It locks the heap for some milliseconds: not on a thread that answers requests.
            let _ = spawn_blocking(trim).await;
            next = Some((now + wait, 2 * wait)).filter(|_| wait <= LAST_WAIT);
        }
    }
}

/// Returns whether a flood with `peak` connections is over.
fn has_ended(peak: usize, open: usize) -> bool {
    peak >= FLOOD && open < peak / 4
}

/// Returns the free pages of glibc's heap to the system. Does nothing with other allocators.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no crate offers this call of the C library")]
fn trim() {
    // SAFETY: the call takes no pointer, and glibc orders it among all other calls of the allocator.
    let returned = unsafe { libc::malloc_trim(0) } == 1;
    tracing::debug!(returned, "returned freed memory to the system");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

/// Raises the limit on open files to the maximum. Each connection is an open file, and many shells set the limit to
/// 1,024.
pub(crate) fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_ended_when_most_of_many_connections_are_gone() {
        for (peak, open, ended) in
            [(99, 0, false), (100, 24, true), (100, 25, false), (900, 0, true), (900, 900, false)]
        {
            assert_eq!(has_ended(peak, open), ended, "{peak} {open}");
        }
    }
}
