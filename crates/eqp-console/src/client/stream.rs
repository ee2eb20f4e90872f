//! Follows events: reads the messages of a stream, and connects again when a connection to a server is lost.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use eqp_store::{Event, EventFilter};
use futures_util::{Stream, StreamExt};

use super::{OperatorClient, OperatorError, Transport, query_of};
use crate::api::BASE;
use crate::api::events::stream::{PROBLEM, StreamCause};
use crate::problem::{Problem, ProblemCode};

/// The maximum size of a message, in bytes.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
/// The first wait before connecting again. It doubles with each failure.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The number of failures in a row after which the stream ends: about three minutes.
const MAX_FAILURES: u32 = 10;

/// The body of a response in pieces.
pub(super) type Body = Pin<Box<dyn Stream<Item = Result<Bytes, OperatorError>> + Send>>;

/// An open stream.
pub(super) struct Opened {
    pub(super) body: Body,
    /// The error that ended a stream in this process.
    pub(super) cause: StreamCause,
}

/// The events that match a filter, as they are recorded. Created by [`OperatorClient::follow`].
///
/// A lost connection to a server is replaced, without a gap. This is not cancel-safe: after dropping the future of
/// [`next`](Self::next), follow the events again from the last `seq`.
pub struct EventStream {
    client: OperatorClient,
    filter: EventFilter,
    opened: Option<Opened>,
    messages: Messages,
    failures: u32,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("after_seq", &self.filter.after_seq).finish_non_exhaustive()
    }
}

impl EventStream {
    pub(super) async fn open(client: OperatorClient, filter: EventFilter) -> Result<Self, OperatorError> {
        let mut stream = Self { client, filter, opened: None, messages: Messages::default(), failures: 0 };
        stream.opened = Some(stream.connect().await?);
        Ok(stream)
    }

    async fn connect(&mut self) -> Result<Opened, OperatorError> {
        self.messages = Messages::default();
        let path_and_query = format!("{BASE}/events/stream{}", query_of(&self.filter));
        match &self.client.transport {
            Transport::InProcess(transport) => transport.stream(path_and_query).await,
            Transport::Remote(transport) => transport.stream(path_and_query).await,
        }
    }

    /// Waits for the next event and returns it, or `None` if the service in this process has stopped.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] if the service ends the stream, for example because the token was revoked, and the other errors
    /// if a server cannot be reached again.
    pub async fn next(&mut self) -> Result<Option<Event>, OperatorError> {
        loop {
            if let Some(message) = self.messages.next() {
                match self.read(message) {
                    Ok(Some(event)) => return Ok(Some(event)),
                    Ok(None) => continue,
                    Err(error) => self.reconnect(error).await?,
                }
                continue;
            }
            let piece = match &mut self.opened {
                Some(opened) => opened.body.next().await,
                None => None,
            };
            match piece {
                Some(Ok(piece)) => self.messages.push(&piece)?,
                Some(Err(error)) => self.reconnect(error).await?,
                None if matches!(self.client.transport, Transport::InProcess(_)) => return Ok(None),
                None => self.reconnect(Problem::new(ProblemCode::Busy).detail("the stream ended").into()).await?,
            }
        }
    }

    /// Reads a message. Returns `None` if it contains no event.
    fn read(&mut self, message: Message) -> Result<Option<Event>, OperatorError> {
        if let Some(id) = message.id.and_then(|id| id.parse().ok()) {
            self.filter.after_seq = Some(id);
            self.failures = 0;
        }
        let malformed = OperatorError::Malformed { status: 200 };
        match (message.name.as_deref(), message.data) {
            (Some(PROBLEM), Some(data)) => {
                if let Some(error) = self.opened.take().and_then(|opened| opened.cause.take()) {
                    return Err(OperatorError::Store(error));
                }
                Err(serde_json::from_str::<Problem>(&data).map_or(malformed, OperatorError::Problem))
            }
            (None, Some(data)) => serde_json::from_str(&data).map(Some).map_err(|_| malformed),
            // The number of the first event, or a message of a newer server.
            _ => Ok(None),
        }
    }

    /// Connects again after an error that can be temporary, and returns any other.
    async fn reconnect(&mut self, error: OperatorError) -> Result<(), OperatorError> {
        self.opened = None;
        let mut error = error;
        loop {
            let is_remote = matches!(self.client.transport, Transport::Remote(_));
            if !is_remote || !error.is_temporary() || self.failures >= MAX_FAILURES {
                return Err(error);
            }
            let wait = SHORTEST_WAIT.saturating_mul(1 << self.failures.min(5)).min(LONGEST_WAIT);
            self.failures += 1;
            tracing::debug!(%error, ?wait, "connection lost, following events again");
            tokio::time::sleep(wait).await;
            match self.connect().await {
                Ok(opened) => {
                    self.opened = Some(opened);
                    return Ok(());
                }
                Err(next) => error = next,
            }
        }
    }
}

/// A message of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    id: Option<String>,
    name: Option<String>,
    data: Option<String>,
}

/// Splits a stream into messages.
#[derive(Debug, Default)]
struct Messages {
    line: Vec<u8>,
    current: Message,
    complete: VecDeque<Message>,
}

impl Messages {
    fn next(&mut self) -> Option<Message> {
        self.complete.pop_front()
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), OperatorError> {
        for byte in piece {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.read_line(&String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)));
            } else if self.line.len() < MAX_MESSAGE {
                self.line.push(*byte);
            } else {
                return Err(OperatorError::Malformed { status: 200 });
            }
        }
        Ok(())
    }

    fn read_line(&mut self, line: &str) {
        if line.is_empty() {
            let message = std::mem::take(&mut self.current);
            if message != Message::default() {
                self.complete.push_back(message);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.current.id = Some(value.to_owned()),
            "event" => self.current.name = Some(value.to_owned()),
            // Our messages have one line of data.
            "data" => self.current.data = Some(value.to_owned()),
            // A comment, or a field of a newer server.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_same_however_the_stream_is_cut() {
        let stream = b"id: 7\n\n:\n\nid: 8\r\ndata: {\"a\": \"b: c\"}\r\n\r\nevent: problem\ndata: {}\nnew: 1\n\n";
        for size in 1..stream.len() {
            let mut messages = Messages::default();
            for piece in stream.chunks(size) {
                messages.push(piece).unwrap();
            }
            let found: Vec<_> = std::iter::from_fn(|| messages.next()).collect();
            let message = |id: Option<&str>, name: Option<&str>, data: Option<&str>| Message {
                id: id.map(Into::into),
                name: name.map(Into::into),
                data: data.map(Into::into),
            };
            assert_eq!(
                found,
                [
                    message(Some("7"), None, None),
                    message(Some("8"), None, Some("{\"a\": \"b: c\"}")),
                    message(None, Some("problem"), Some("{}")),
                ]
            );
        }
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let mut messages = Messages::default();
        assert!(messages.push(&vec![b'a'; MAX_MESSAGE]).is_ok());
        assert!(messages.push(b"a").is_err());
    }
}
