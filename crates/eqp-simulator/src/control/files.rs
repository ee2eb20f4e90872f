//! `GET /files[/{id}]` and `POST /files/{id}/scan`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use eqp_types::FileUploadId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Id, Parameters, RequestBody, patience, until};
use crate::marketplace::FileEntry;
use crate::shared::Shared;

/// The default number of records of a page.
pub(super) const PAGE: usize = 100;

/// The parameters of a page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

impl Page {
    /// Returns the records of the page.
    pub(super) fn of<T>(&self, records: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        records.skip(self.offset).take(self.limit.unwrap_or(PAGE))
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>, Parameters(page): Parameters<Page>) -> Json<Value> {
    let marketplace = shared.marketplace();
    let total: usize = marketplace.accounts.iter().map(|account| account.files.len()).sum();
    let files = marketplace.accounts.iter().flat_map(|account| account.files.values());
    Json(json!({"total": total, "files": page.of(files).map(shown).collect::<Value>()}))
}

/// The status that a read of a file can wait for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Until {
    malware_status: Option<String>,
    wait: Option<String>,
}

/// Returns one file. With `malware_status` and `wait`, waits until the scan has this status.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    id: Id,
    Parameters(wanted): Parameters<Until>,
) -> Result<Json<Value>, Problem> {
    let file: FileUploadId = id.read("file")?;
    let look = |marketplace: &crate::marketplace::Marketplace| {
        let found = marketplace.accounts.iter().find_map(|account| account.file(file.as_str()));
        found.map(shown).ok_or_else(|| Problem::not_found(format!("there is no file {file}")))
    };
    let is_met =
        |file: &Value| wanted.malware_status.as_ref().is_none_or(|status| file["malware_status"] == status.as_str());
    let seen = until(&shared, patience(wanted.wait.as_deref())?, || match look(&shared.marketplace()) {
        Ok(file) if !is_met(&file) => None,
        seen => Some(seen),
    });
    seen.await.unwrap_or_else(|| Err(Problem::timed_out())).map(Json)
}

/// Ends the scan of a file immediately.
pub(super) async fn end_scan(
    State(shared): State<Arc<Shared>>,
    id: Id,
    body: RequestBody,
) -> Result<Json<Value>, Problem> {
    let body = body.only(&["result"])?;
    let passed = body.one_of("result", &[("passed", true), ("failed", false)])?;
    let passed = passed.ok_or_else(|| Problem::invalid("`result` is missing; pass `passed` or `failed`"))?;
    let file: FileUploadId = id.read("file")?;
    shared.change(|marketplace| {
        marketplace.end_scan_now(&file, passed)?;
        let found = marketplace.accounts.iter().find_map(|account| account.file(file.as_str()));
        Ok(Json(found.map(shown).expect("the scan of this file was just ended")))
    })
}

fn shown(file: &FileEntry) -> Value {
    json!({
        "file_upload_id": file.id,
        "filename": file.file.filename,
        "content_type": file.file.content_type,
        "size": file.file.size,
        "malware_status": file.malware_status,
    })
}
