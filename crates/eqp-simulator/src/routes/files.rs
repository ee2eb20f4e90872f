//! `/files/uploads`: uploads, lists, reads and (a legacy call) deletes files.
//!
//! An upload has parts named `file[]`, or `file[0]`, `file[1]`, … A part is hashed while it arrives and is never in
//! memory as a whole; an archive is written to an unnamed temporary file until its composer.json has been read.

use std::io::{Seek, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use md5::{Digest, Md5};
use multer::{Field, Multipart};
use serde_json::Value;

use super::extract::{Ids, Parameters, Session, drain};
use super::packages::listed;
use crate::archive::read_composer;
use crate::error_response::ErrorResponse;
use crate::marketplace::{ListQuery, NewFile};
use crate::shared::Shared;

const MEGABYTE: u64 = 1024 * 1024;
/// The size limits of the sellers' guide, for archives and other files.
const LARGEST_ARCHIVE: u64 = 30 * MEGABYTE;
const LARGEST_OTHER: u64 = 5 * MEGABYTE;
/// The time within which the next piece of a body has to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest number of files of a request.
const MOST_FILES: usize = 100;

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    session: Result<Session, ErrorResponse>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Vec<Value>>, ErrorResponse> {
    let mut stream = body.into_data_stream();
    let received = match session {
        Ok(session) => receive(&mut stream, &headers).await.map(|files| (session, files)),
        Err(refused) => Err(refused),
    };
    let (session, files) = match received {
        Ok(received) => received,
        Err(refused) => {
            drain(&mut stream).await;
            return Err(refused);
        }
    };
    shared.change(|marketplace| {
        files.into_iter().map(|file| marketplace.add_file(session.account, file)).collect::<Result<_, _>>().map(Json)
    })
}

/// Reads the files of a multipart body.
pub(crate) async fn receive<S>(stream: &mut S, headers: &HeaderMap) -> Result<Vec<NewFile>, ErrorResponse>
where
    S: Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin,
{
    let boundary = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| multer::parse_boundary(value).ok())
        .ok_or_else(|| ErrorResponse::bad_request("The body must be multipart/form-data"))?;
    // The stream is only borrowed, so that the rest of it can be drained after an error.
    let (sender, parts) = tokio::sync::mpsc::channel::<Result<Bytes, axum::Error>>(1);
    let pump = async move {
        while let Ok(Some(chunk)) = tokio::time::timeout(PATIENCE, stream.next()).await {
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    };
    let parts = futures_util::stream::unfold(parts, async |mut parts| {
        let chunk = parts.recv().await?;
        Some((chunk, parts))
    });
    let receive = receive_parts(Multipart::new(parts, boundary));
    let (files, ()) = tokio::join!(receive, pump);
    files
}

async fn receive_parts(mut parts: Multipart<'_>) -> Result<Vec<NewFile>, ErrorResponse> {
    let broken = |_| ErrorResponse::bad_request("The multipart body is broken");
    let mut files = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        if part.name().is_none_or(|name| !is_file_part(name)) {
            continue;
        }
        if files.len() == MOST_FILES {
            return Err(ErrorResponse::bad_request(format!("A request can contain at most {MOST_FILES} files")));
        }
        files.push(receive_file(part).await?);
    }
    if files.is_empty() {
        return Err(ErrorResponse::bad_request("There is no part named `file[]`"));
    }
    Ok(files)
}

/// Returns whether a part is a file: `file[]`, `file[0]`, `file[17]`.
fn is_file_part(name: &str) -> bool {
    name.strip_prefix("file[")
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn receive_file(mut part: Field<'_>) -> Result<NewFile, ErrorResponse> {
    let filename = part
        .file_name()
        .map(base_name)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| ErrorResponse::bad_request("A part has no file name"))?;
    let declared = part.content_type().map(|kind| kind.essence_str().to_owned());
    let content_type = content_type(&filename, declared.as_deref())
        .ok_or_else(|| ErrorResponse::bad_request(format!("Files like `{filename}` cannot be uploaded")))?;
    let is_archive = is_archive(&filename);
    let largest = if is_archive { LARGEST_ARCHIVE } else { LARGEST_OTHER };
    let failed =
        |_| ErrorResponse::new(StatusCode::INTERNAL_SERVER_ERROR, "The upload cannot be written to a temporary file");
    let mut spool = if is_archive { Some(tempfile::tempfile().map_err(failed)?) } else { None };
    let mut hash = Md5::new();
    let mut size = 0_u64;
    while let Some(chunk) =
        part.chunk().await.map_err(|_| ErrorResponse::bad_request("The multipart body is broken"))?
    {
        size += chunk.len() as u64;
        if size > largest {
            let message = format!("`{filename}` is larger than {} MB", largest / MEGABYTE);
            return Err(ErrorResponse::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        hash.update(&chunk);
        if let Some(spool) = &mut spool {
            // Blocking, but only into the page cache: not worth a thread.
            spool.write_all(&chunk).map_err(failed)?;
        }
    }
    let composer = match spool {
        Some(mut spool) => {
            spool.rewind().map_err(failed)?;
            tokio::task::spawn_blocking(move || read_composer(spool)).await.ok().flatten()
        }
        None => None,
    };
    let md5 = hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Ok(NewFile { filename, content_type, size, md5, composer })
}

/// Returns a file name without the folders that some clients send.
fn base_name(filename: &str) -> String {
    filename.rsplit(['/', '\\']).next().expect("a text has at least one part").to_owned()
}

fn extension(filename: &str) -> String {
    filename.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

fn is_archive(filename: &str) -> bool {
    extension(filename) == "zip"
}

/// Returns the declared type if files of this name may have it, or the default type if none is declared.
fn content_type(filename: &str, declared: Option<&str>) -> Option<String> {
    let allowed: &[&str] = match extension(filename).as_str() {
        "png" => &["image/png"],
        "jpg" | "jpeg" => &["image/jpeg"],
        "gif" => &["image/gif"],
        "pdf" => &["application/pdf"],
        "zip" => &["application/zip", "application/x-zip-compressed", "application/octet-stream"],
        _ => return None,
    };
    match declared {
        None => allowed.first().map(|kind| (*kind).to_owned()),
        Some(kind) => allowed.iter().find(|allowed| **allowed == kind).map(|kind| (*kind).to_owned()),
    }
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, ErrorResponse> {
    let query = ListQuery::read(&parameters)?;
    let page = shared.marketplace().list_files(session.account, &query);
    Ok(listed(page))
}

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    let owner = &marketplace.accounts[session.account];
    let file = owner.file(&id).ok_or_else(|| ErrorResponse::not_found("file", &id))?;
    Ok(Json(owner.file_record(file, marketplace.base_url())))
}

pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
) -> Result<Json<Value>, ErrorResponse> {
    shared.change(|marketplace| marketplace.remove_file(session.account, &id)).map(Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_part_are_accepted() {
        for (name, fits) in
            [("file[]", true), ("file[0]", true), ("file[12]", true), ("file", false), ("file[a]", false), ("x", false)]
        {
            assert_eq!(is_file_part(name), fits, "{name}");
        }
    }

    #[test]
    fn only_files_of_the_documented_types_are_accepted() {
        for (filename, declared, fits) in [
            ("a.zip", Some("application/zip"), true),
            ("a.ZIP", Some("application/octet-stream"), true),
            ("a.zip", None, true),
            ("a.png", Some("image/png"), true),
            ("a.png", Some("image/jpeg"), false),
            ("a.exe", None, false),
            ("zip", None, false),
        ] {
            assert_eq!(content_type(filename, declared).is_some(), fits, "{filename} {declared:?}");
        }
    }
}
