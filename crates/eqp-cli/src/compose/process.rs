//! This process's own resources: the limit on open files, and memory after a flood of connections.
//!
//! Each connection costs some ten kilobytes while it is open. After a flood, the freed memory is fragmented, and glibc
//! returns only memory at the end of its heap, so a receiver would stay as large as at the peak of the flood.

use std::time::Duration;

use eqp_receiver::Metrics;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How often the number of connections is checked.
const PERIOD: Duration = Duration::from_secs(2);
/// Fewer connections than this are not worth a search through the whole heap.
const FLOOD: usize = 100;
/// Memory is returned again and again after a flood, with doubling waits up to this one: connections that no longer count are
/// still being closed for a while.
const LAST_WAIT: Duration = Duration::from_secs(64);

/// Returns freed memory whenever most of many connections have ended, until shutdown.
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

/// Whether a flood that had `peak` connections is over.
fn has_ended(peak: usize, open: usize) -> bool {
    peak >= FLOOD && open < peak / 4
}

/// Returns the free pages of glibc's heap. Other allocators return theirs, or have no such call.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "no crate offers this call of the C library")]
fn trim() {
    // SAFETY: the call takes no pointer, and glibc orders it among all other calls of the allocator.
    let returned = unsafe { libc::malloc_trim(0) } == 1;
    tracing::debug!(returned, "returned freed memory to the system");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

/// Raises the limit to what the system allows: each connection is one, and many shells start with 1,024.
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
