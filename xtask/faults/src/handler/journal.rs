//! The journal of the handler: a line for each message that arrives, and one for each that is accepted.

use std::path::Path;

use serde::Deserialize;

use crate::Failure;

/// A message about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The path of the webhook, which identifies the subscription.
    pub(crate) path: String,
    pub(crate) resource: String,
    /// Its `resource_sequence`.
    pub(crate) sequence: i64,
    /// It names an earlier event that was not delivered.
    pub(crate) is_out_of_order: bool,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The message has arrived.
    Arrived(Message),
    /// The message was accepted. Written to the disk before the response is sent.
    Accepted(Message),
}

impl Message {
    /// Reads the body of a request.
    pub(crate) fn of_body(path: &str, body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            resource_id: String,
            resource_sequence: i64,
            out_of_order_after: Option<i64>,
        }
        let Body { data } = serde_json::from_slice(body).ok()?;
        Some(Self {
            path: path.to_owned(),
            resource: data.resource_id,
            sequence: data.resource_sequence,
            is_out_of_order: data.out_of_order_after.is_some(),
        })
    }
}

impl Line {
    /// Returns the line of the file.
    pub(crate) fn text(&self) -> String {
        let (kind, Message { path, resource, sequence, is_out_of_order }) = match self {
            Self::Arrived(message) => ("arrived", message),
            Self::Accepted(message) => ("accepted", message),
        };
        format!("{kind} {path} {resource} {sequence} {is_out_of_order}\n")
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (kind, path, resource) = (words.next()?, words.next()?.to_owned(), words.next()?.to_owned());
        let (sequence, is_out_of_order) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let message = Message { path, resource, sequence, is_out_of_order };
        match kind {
            "arrived" => Some(Self::Arrived(message)),
            "accepted" => Some(Self::Accepted(message)),
            _ => None,
        }
    }
}

/// Reads a complete journal.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Line>, Failure> {
    let text = std::fs::read_to_string(path)?;
    text.lines().map(|line| Line::read(line).ok_or_else(|| format!("the journal says `{line}`").into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let message =
            Message { path: "/flaky".into(), resource: "series-1-2".into(), sequence: 7, is_out_of_order: true };
        for line in [Line::Arrived(message.clone()), Line::Accepted(message)] {
            assert_eq!(Line::read(line.text().trim_end()), Some(line));
        }
        for broken in ["", "arrived /a b", "arrived /a b 1 yes", "gone /a b 1 true"] {
            assert_eq!(Line::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_message_about_no_resource_is_not_a_message_about_an_event() {
        let body = br#"{"data": {"resource_id": "a", "resource_sequence": 3, "out_of_order_after": null}}"#;
        assert_eq!(Message::of_body("/a", body).map(|message| message.sequence), Some(3));
        assert_eq!(Message::of_body("/a", br#"{"data": {"resource_id": null}}"#), None);
    }
}
