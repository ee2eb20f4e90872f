//! The result of one attempt to deliver a message, and the trait of everything that makes such attempts.

use std::time::Duration;

use async_trait::async_trait;

use crate::Message;

/// The maximum size of a note in bytes.
const NOTE_BYTES: usize = 4 * 1024;

/// Delivers messages to something outside of this process.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use eqp_deliver::{AttemptOutcome, AttemptResult, DeliveryHandler, Message};
///
/// struct Log;
///
/// #[async_trait::async_trait]
/// impl DeliveryHandler for Log {
///     async fn deliver(&self, message: &Message, _deadline: Duration) -> AttemptResult {
///         let start = Instant::now();
///         println!("{} {}", message.id, message.json());
///         AttemptResult::new(AttemptOutcome::Delivered, None, start.elapsed(), "")
///     }
/// }
/// ```
#[async_trait]
pub trait DeliveryHandler: Send + Sync {
    /// Makes one attempt to deliver `message`, which ends before `deadline` has passed (plus at most 7 seconds in which a program is stopped).
    ///
    /// The same message can be delivered more than once, always with the same [`Message::id`].
    async fn deliver(&self, message: &Message, deadline: Duration) -> AttemptResult;
}

/// The result of one attempt to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptResult {
    /// The outcome, which decides whether and when there is another attempt.
    pub outcome: AttemptOutcome,
    /// The status code of the HTTP response, the code of the mail server's reply, or the exit code of the program.
    pub status: Option<u16>,
    /// The duration of the attempt.
    pub duration: Duration,
    /// The beginning of the response or the error, on one or more lines and without secrets. At most 4 KiB.
    pub note: String,
}

impl AttemptResult {
    /// Creates a result. The note is shortened to 4 KiB; characters that control a terminal are replaced, and NUL, which Postgres cannot
    /// store.
    pub fn new(outcome: AttemptOutcome, status: Option<u16>, duration: Duration, note: &str) -> Self {
        Self { outcome, status, duration, note: bounded(note) }
    }
}

/// The outcome of one attempt to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The handler has accepted the message.
    Delivered,
    /// The handler is configured to ignore messages such as this one. Nothing was sent.
    Skipped,
    /// The handler cannot be reached, timed out, or is overloaded (429 or 5xx): other messages would fail as well.
    HandlerDown {
        /// The wait that the handler requested.
        retry_after: Option<Duration>,
    },
    /// The handler did not accept this message. Another attempt can succeed.
    EventFailed {
        /// The wait that the handler requested.
        retry_after: Option<Duration>,
    },
    /// The handler considers the message invalid (400, 413 or 422): more than a few attempts are useless.
    Invalid,
    /// The handler no longer exists (410): nothing more should be sent to it.
    Gone,
    /// The handler reported that no other attempt can succeed (exit code 65).
    NeverRetry,
    /// The handler requested another attempt later (exit code 75).
    RetryLater,
    /// The handler's own configuration prevents every attempt, for the contained reason.
    Misconfigured(String),
}

impl AttemptOutcome {
    /// Returns the name under which the outcome is recorded.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::HandlerDown { .. } => "handler_down",
            Self::EventFailed { .. } => "event_failed",
            Self::Invalid => "invalid",
            Self::Gone => "gone",
            Self::NeverRetry => "never_retry",
            Self::RetryLater => "retry_later",
            Self::Misconfigured(_) => "misconfigured",
        }
    }
}

/// Returns the beginning of a text without control characters, except line ends and tabs.
fn bounded(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    let plain = text.trim().chars().take(NOTE_BYTES).map(|c| if is_plain(c) { c } else { '\u{fffd}' });
    let mut note: String = plain.collect();
    // A replacement is longer than the character that it replaces.
    note.truncate(note.floor_char_boundary(NOTE_BYTES));
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_two_characters() {
        let result = AttemptResult::new(AttemptOutcome::Invalid, Some(400), Duration::ZERO, &"ä".repeat(NOTE_BYTES));
        assert_eq!(result.note.len(), NOTE_BYTES);
        let result = AttemptResult::new(AttemptOutcome::Invalid, Some(400), Duration::ZERO, &"\0".repeat(NOTE_BYTES));
        assert_eq!(result.note.len(), NOTE_BYTES / 3 * 3);
    }

    #[test]
    fn characters_that_control_a_terminal_are_replaced() {
        let result = AttemptResult::new(AttemptOutcome::Invalid, None, Duration::ZERO, "\u{1b}[2J\0 two\nlines\n");
        assert_eq!(result.note, "\u{fffd}[2J\u{fffd} two\nlines");
    }
}
