//! Reading what is left of a body that nobody wants.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// So much of a refused body is still read, for a client that hears an answer only after it has sent everything.
const READ_AFTER_REFUSAL: usize = 64 * 1024 * 1024;
/// A client that sends nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body to its end, within limits.
pub(crate) async fn drain(stream: &mut (impl Stream<Item = Result<Bytes, axum::Error>> + Unpin)) {
    let mut rest = READ_AFTER_REFUSAL;
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(PATIENCE, stream.next()).await {
        let Some(left) = rest.checked_sub(chunk.len()) else { return };
        rest = left;
    }
}
