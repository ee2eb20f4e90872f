//! The measurements at the end of the demo, as text and as JSON.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anstyle::Style;
use eqp_store::Counts;
use serde::Serialize;

use super::board::Board;
use super::pages::TOKEN;
use super::progress::painted;
use crate::output::counted;

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// The observed values.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) board: Board,
    /// From the start of each request to its response.
    pub(super) latencies: Vec<Duration>,
    pub(super) delivered: Delivered,
    /// From the start of the program to the first callback on the screen.
    pub(super) first_callback: Duration,
    /// From the start of the program to the end of the last review.
    pub(super) total: Duration,
}

/// The numbers of messages that arrived at the webhook and in the chat.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    /// Requests that the webhook accepted.
    pub(super) webhooks: usize,
    /// Those of them that it had rejected before.
    pub(super) retried: usize,
    /// Requests that the webhook rejected.
    pub(super) failed: usize,
    /// Threads in the chat.
    pub(super) threads: usize,
    /// Replies in these threads, one for each change.
    pub(super) replies: usize,
}

/// The result of a demo.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Report {
    /// Submissions that reached the store.
    released: usize,
    /// Created submissions.
    submissions: usize,
    /// Callbacks that the Marketplace sent.
    callbacks_sent: u64,
    /// Callbacks that are stored.
    callbacks_received: u64,
    /// Events of submissions and files.
    events: u64,
    /// Duplicates.
    duplicates: u64,
    /// Late events.
    late: u64,
    /// Callbacks with an event code that is not documented.
    unknown: u64,
    /// Requests that the webhook accepted.
    webhooks: usize,
    /// Requests that the webhook rejected, and that were retried.
    webhooks_failed: usize,
    /// Threads in the chat, one for each submission with a release or a rejection.
    chat_threads: usize,
    /// Replies in these threads.
    chat_replies: usize,
    /// The median time from a callback's first byte to its response, as measured by the sender, in milliseconds.
    ack_p50_ms: f64,
    /// The 99th percentile of this time, in milliseconds.
    ack_p99_ms: f64,
    /// From the start of the program to the first callback on the screen.
    first_callback_ms: u64,
    /// From the start of the program to the end of the last review.
    total_ms: u64,
}

impl Report {
    /// Creates a report from the observed values, the number of sent callbacks, and the counts of the receiver's
    /// database.
    pub(super) fn new(observed: &Observed, sent: u64, counts: &Counts) -> Self {
        let board = &observed.board;
        let mut sorted = observed.latencies.clone();
        sorted.sort_unstable();
        Self {
            released: board.released(),
            submissions: board.submissions(),
            callbacks_sent: sent,
            callbacks_received: counts.callbacks_received,
            events: counts.events,
            duplicates: counts.duplicates,
            late: counts.late,
            unknown: counts.unknown,
            webhooks: observed.delivered.webhooks,
            webhooks_failed: observed.delivered.failed,
            chat_threads: observed.delivered.threads,
            chat_replies: observed.delivered.replies,
            ack_p50_ms: milliseconds(percentile(&sorted, 50)),
            ack_p99_ms: milliseconds(percentile(&sorted, 99)),
            first_callback_ms: whole_milliseconds(observed.first_callback),
            total_ms: whole_milliseconds(observed.total),
        }
    }

    /// Formats the result for people.
    pub(super) fn in_words(&self) -> String {
        format!(
            "  {shown}\n    {}, {} of them in the store after {:.1} s\n    \
             {} over HTTPS, all authenticated, all stored in Postgres before they were answered\n    \
             {}; {}, {} late, {} of an unknown code: all stored\n    \
             {} delivered to a webhook, {} after a retry; {} in {} of a chat\n    \
             answered in {:.1} ms (median) and {:.1} ms (99 of 100); the first one {:.1} s after the start",
            counted(self.submissions, "submission"),
            self.released,
            seconds(self.total_ms),
            counted(self.callbacks_received, "callback"),
            counted(self.events, "event"),
            counted(self.duplicates, "duplicate"),
            self.late,
            self.unknown,
            counted(self.webhooks, "message"),
            self.webhooks_failed,
            counted(self.chat_replies, "change"),
            counted(self.chat_threads, "thread"),
            self.ack_p50_ms,
            self.ack_p99_ms,
            seconds(self.first_callback_ms),
            shown = painted(BOLD, "Shown"),
        )
    }

    /// Returns the address of the pages, and the command that prints a link to them.
    pub(super) fn pages(address: SocketAddr, folder: &Path) -> String {
        let (program, config) = (program(), folder.join("eqp.toml"));
        format!(
            "\n  {pages}\n    http://{address}/, a new link: {program} --config {} token link {TOKEN}",
            config.display(),
            pages = painted(BOLD, "Pages"),
        )
    }

    /// Returns the folder of the data, and commands to try next.
    pub(super) fn what_next(folder: &Path) -> String {
        let program = program();
        let config = folder.join("eqp.toml");
        let config = config.display();
        let lines: Vec<String> = [
            "submissions list",
            "events list --disposition late",
            "events tail",
            "callbacks list",
            "packages list",
            "subscriptions list",
        ]
        .iter()
        .map(|verb| format!("    {program} --config {config} {verb}"))
        .collect();
        format!(
            "\n  {data}\n    {}, removed on exit\n\n  {next}\n{}\n\n  {}",
            folder.display(),
            lines.join("\n"),
            painted(FAINT, "The demo keeps running; press Ctrl-C to stop."),
            data = painted(BOLD, "Data"),
            next = painted(BOLD, "Try these in a second terminal"),
        )
    }
}

/// Returns the command that runs this program from the current folder.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "eqp".to_owned() };
    let here = std::env::current_dir().ok();
    let relative = here.and_then(|here| path.strip_prefix(here).map(Path::to_owned).ok());
    relative.unwrap_or(path).display().to_string()
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

fn milliseconds(length: Duration) -> f64 {
    (length.as_secs_f64() * 1e6).round() / 1e3
}

fn whole_milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(50));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(99));
        assert_eq!(percentile(&sorted[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
