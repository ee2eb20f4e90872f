//! `GET /files[/{id}]` and `POST /files/{id}/scan`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use eqp_types::FileUploadId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::wait::{patience, until};
use super::wish::{Asked, Id, Wish};
use crate::market::FileEntry;
use crate::shared::Shared;

/// Pages have so many records, unless asked otherwise.
pub(super) const PAGE: usize = 100;

/// A page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

impl Page {
    /// What is on it.
    pub(super) fn of<T>(&self, records: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        records.skip(self.offset).take(self.limit.unwrap_or(PAGE))
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>, Asked(page): Asked<Page>) -> Json<Value> {
    let market = shared.market();
    let total: usize = market.accounts.iter().map(|account| account.files.len()).sum();
    let files = market.accounts.iter().flat_map(|account| account.files.values());
    Json(json!({"total": total, "files": page.of(files).map(shown).collect::<Value>()}))
}

/// What a look at one file may wait for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Until {
    malware_status: Option<String>,
    wait: Option<String>,
}

/// One file; with `malware_status` and `wait` once its scan reads so.
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    id: Id,
    Asked(wanted): Asked<Until>,
) -> Result<Json<Value>, Problem> {
    let file: FileUploadId = id.read("file")?;
    let look = |market: &crate::market::Market| {
        let found = market.accounts.iter().find_map(|account| account.file(file.as_str()));
        found.map(shown).ok_or_else(|| Problem::not_found(format!("there is no file {file}")))
    };
    let is_met =
        |file: &Value| wanted.malware_status.as_ref().is_none_or(|status| file["malware_status"] == status.as_str());
    let seen = until(&shared, patience(wanted.wait.as_deref())?, || match look(&shared.market()) {
        Ok(file) if !is_met(&file) => None,
        seen => Some(seen),
    });
    seen.await.unwrap_or_else(|| Err(Problem::timed_out())).map(Json)
}

/// Ends the scan, now.
pub(super) async fn end_scan(State(shared): State<Arc<Shared>>, id: Id, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["outcome"])?;
    let passed = wish.one_of("outcome", &[("passed", true), ("failed", false)])?;
    let passed = passed.ok_or_else(|| Problem::word("`outcome` is missing: `passed` or `failed`"))?;
    let file: FileUploadId = id.read("file")?;
    shared.change(|market| market.end_scan_now(&file, passed))?;
    let market = shared.market();
    let found = market.accounts.iter().find_map(|account| account.file(file.as_str()));
    Ok(Json(found.map(shown).unwrap_or_default()))
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
