//! Entry points for the fuzzers. Not part of the public API, and without any guarantee of stability.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};

use crate::routes::receive_upload;

/// Reads an upload that arrives in these pieces. Returns the names and sizes of its files; `None` if it is rejected.
pub async fn upload(content_type: &'static str, pieces: Vec<Vec<u8>>) -> Option<Vec<(String, u64)>> {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    let mut body = stream::iter(pieces.into_iter().map(|piece| Ok::<_, axum::Error>(Bytes::from(piece))));
    let files = receive_upload(&mut body, &headers).await.ok()?;
    Some(files.into_iter().map(|file| (file.filename, file.size)).collect())
}
