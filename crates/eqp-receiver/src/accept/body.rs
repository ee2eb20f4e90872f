//! Reads the body of a callback within the limits of size, time and memory.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::authenticate::Authenticated;
use super::budget::{Account, Budget, Reservation};
use crate::Limits;
use crate::results::Refusal;
use eqp_store::internal::callback::CallbackRow;

/// The memory reserved for a callback in addition to its body: its stored headers and its entry in the queue.
const OVERHEAD: usize = 1024;
/// The request headers that are stored. `Authorization` and `Cookie` must never be added.
const STORED_HEADERS: [&str; 7] =
    ["content-type", "content-encoding", "date", "user-agent", "x-request-id", "traceparent", "via"];
/// The maximum length of a stored header value. Headers with a longer value are not stored.
const MAX_HEADER_BYTES: usize = 512;
/// The initial buffer size for stored headers, which is enough for most requests.
const USUAL_HEADER_BYTES: usize = 256;

/// A callback that was received completely and is not stored yet.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) row: CallbackRow,
    /// The memory reserved for it, released after the writer has stored it.
    pub(super) share: Option<Reservation>,
}

impl Received {
    pub(super) fn body(&self) -> Bytes {
        self.row.body.clone()
    }
}

/// Reads the body of an authenticated request, which is stored under this ID.
pub(super) async fn receive(
    authenticated: &Authenticated,
    id: Uuid,
    headers: &HeaderMap,
    source: IpAddr,
    body: Body,
    limits: &Limits,
    budget: &Budget,
) -> Result<Received, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body_bytes) {
        return Err(Refusal::TooLarge);
    }
    let principal = authenticated.principal();
    let mut account = budget.account(principal.endpoint);
    reserve(&mut account, OVERHEAD, limits).await?;
    let body = read(body, limits, &mut account).await?;
    let row = CallbackRow {
        id,
        endpoint_id: principal.endpoint.0,
        credential_id: principal.credential.0,
        received_at: OffsetDateTime::now_utc(),
        source,
        headers: stored_headers(headers),
        body,
    };
    Ok(Received { row, share: account.finish() })
}

/// Reserves memory for received bytes. Returns the time spent waiting for it.
async fn reserve(account: &mut Account, bytes: usize, limits: &Limits) -> Result<Duration, Refusal> {
    if account.try_reserve(bytes) {
        return Ok(Duration::ZERO);
    }
    let begun = Instant::now();
    timeout(limits.body_time, account.reserve(bytes)).await.map_err(|_| Refusal::Busy)?;
    Ok(begun.elapsed())
}

/// Reads a complete body. Most bodies arrive in one piece, which is not copied.
async fn read(mut body: Body, limits: &Limits, account: &mut Account) -> Result<Bytes, Refusal> {
    let mut too_slow = pin!(sleep(limits.body_time));
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut too_slow => return Err(Refusal::TooSlow),
        };
        let Some(frame) = frame else { break };
        let Ok(piece) = frame.map_err(|_| Refusal::Aborted)?.into_data() else { continue };
        if joined.len() + first.len() + piece.len() > limits.body_bytes {
            return Err(Refusal::TooLarge);
        }
        let waited = reserve(account, piece.len(), limits).await?;
        if !waited.is_zero() {
            // Waiting for memory does not count against the sender's time limit.
            let deadline = too_slow.deadline() + waited;
            too_slow.as_mut().reset(deadline);
        }
        if first.is_empty() && joined.is_empty() {
            first = piece;
            continue;
        }
        if !first.is_empty() {
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn stored_headers(headers: &HeaderMap) -> Vec<u8> {
    let mut text = Vec::with_capacity(USUAL_HEADER_BYTES);
    for name in STORED_HEADERS {
        if let Some(value) = headers.get(name).filter(|value| value.len() <= MAX_HEADER_BYTES) {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                text.extend_from_slice(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use eqp_store::EndpointId;

    #[test]
    fn only_headers_of_the_allow_list_are_stored() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Basic a2V5OnNlY3JldA=="),
            ("cookie", "session=1"),
            ("user-agent", "Marketplace"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers.insert("x-request-id", "x".repeat(MAX_HEADER_BYTES + 1).parse().unwrap());
        let text = String::from_utf8(stored_headers(&headers)).unwrap();
        assert_eq!(text, "content-type: application/json\r\nuser-agent: Marketplace\r\n");
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_joined_up_to_the_limit() {
        let pieces = |texts: &'static [&'static str]| {
            Body::from_stream(futures_util::stream::iter(texts.iter().map(|text| Ok::<_, std::io::Error>(*text))))
        };
        let read = async |texts, body_bytes| {
            let mut account = Budget::new(1000).account(EndpointId(1));
            read(pieces(texts), &Limits { body_bytes, ..Limits::default() }, &mut account).await
        };
        assert_eq!(read(&["ab", "", "cd", "e"], 5).await.unwrap(), "abcde");
        assert_eq!(read(&[], 5).await.unwrap(), "");
        assert!(matches!(read(&["abc", "def"], 5).await, Err(Refusal::TooLarge)));
    }
}
