//! Hand-written requests, and a minimal parser of responses.

use uuid::Uuid;

use super::stream::Stream;
use crate::Failure;

/// The path of callbacks at every measured receiver.
pub(crate) const PATH: &str = "/callbacks/bench";
/// The Basic header of `key` and `secret`, as in the API's documentation.
pub(crate) const RIGHT: &str = "Basic a2V5OnNlY3JldA==";
/// The text before the ID in every successful response.
const BEFORE_ID: &[u8] = br#"{"id":""#;
const ID_BYTES: usize = 36;

/// Returns the request of a callback.
pub(crate) fn post(authorization: &str, body: impl AsRef<str>, keep_alive: bool) -> String {
    let body = body.as_ref();
    let connection = if keep_alive { "" } else { "connection: close\r\n" };
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\n{connection}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns a health request.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// Reads one successful response; any other is an error.
pub(crate) async fn read_id(stream: &mut Stream, buffer: &mut [u8]) -> Result<Uuid, Failure> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        filled += count;
        let answer = &buffer[..filled];
        if answer.ends_with(b"\"}") && answer.starts_with(b"HTTP/1.1 200 ") && filled > ID_BYTES + 2 {
            let id = answer.len() - ID_BYTES - 2;
            if answer[..id].ends_with(BEFORE_ID) {
                return Ok(Uuid::try_parse_ascii(&answer[id..id + ID_BYTES])?);
            }
        }
        if count == 0 || filled == buffer.len() {
            return Err(format!("not the response of a receiver: {}", String::from_utf8_lossy(answer)).into());
        }
    }
}

/// Reads a response with a length, up to the size of the buffer, and returns its status.
pub(crate) async fn read_status(stream: &mut Stream, buffer: &mut [u8]) -> Result<u16, Failure> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        filled += count;
        let text = String::from_utf8_lossy(&buffer[..filled]).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                return status.ok_or_else(|| format!("no status in {head}").into());
            }
        }
        if count == 0 || filled == buffer.len() {
            return Err(format!("not a response: {text}").into());
        }
    }
}
