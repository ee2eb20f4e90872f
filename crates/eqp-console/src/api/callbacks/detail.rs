//! One callback with its headers and its body.

use std::fmt::Write as _;
use std::net::IpAddr;

use eqp_store::StoredCallback;
use eqp_store::internal::CallbackSummary;
use serde::{Deserialize, Serialize};

/// A stored callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CallbackDetail {
    /// The callback as it is listed.
    pub callback: CallbackSummary,
    /// The IP address of the sender.
    pub source: IpAddr,
    /// The requested path and query, if they differ from the registered ones.
    pub arrived_path: Option<String>,
    /// The stored headers, each as a line `name: value`. Credentials are not stored. The line `:path: …`, if present, is not a header: it
    /// contains `arrived_path`.
    pub headers: EncodedBytes,
    /// The body.
    pub body: EncodedBytes,
}

/// Bytes that a sender has chosen, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EncodedBytes {
    /// How the bytes are written.
    pub encoding: ByteEncoding,
    /// The bytes in this encoding.
    pub content: String,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ByteEncoding {
    /// The bytes are UTF-8, and are written as they are.
    Utf8,
    /// The bytes are not UTF-8. Each of them is written as two hexadecimal digits.
    Hex,
}

impl CallbackDetail {
    pub(super) fn new(callback: CallbackSummary, stored: &StoredCallback) -> Self {
        Self {
            callback,
            source: stored.source,
            arrived_path: stored.arrived_path.clone(),
            headers: EncodedBytes::new(&stored.headers),
            body: EncodedBytes::new(&stored.body),
        }
    }
}

impl EncodedBytes {
    fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { encoding: ByteEncoding::Utf8, content: text.to_owned() },
            Err(_) => Self { encoding: ByteEncoding::Hex, content: hex(bytes) },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_are_not_text_are_written_as_hex() {
        for (bytes, encoding, content) in [
            (&b"{\"a\": 1}"[..], ByteEncoding::Utf8, "{\"a\": 1}"),
            (b"", ByteEncoding::Utf8, ""),
            (b"a\0b", ByteEncoding::Utf8, "a\0b"),
            (b"\xff\x00A", ByteEncoding::Hex, "ff0041"),
            ("é".as_bytes(), ByteEncoding::Utf8, "é"),
            (&"é".as_bytes()[..1], ByteEncoding::Hex, "c3"),
        ] {
            assert_eq!(EncodedBytes::new(bytes), EncodedBytes { encoding, content: content.to_owned() });
        }
    }
}
