//! Uploads the files that the Marketplace does not have.

use std::path::PathBuf;

use serde_json::json;

use super::{Run, located};
use crate::compose::upload::upload;
use crate::failure::Outcome;
use crate::output::counted;

impl Run<'_> {
    /// Uploads them, all in one request.
    pub(super) async fn upload(&mut self) -> Outcome {
        let missing: Vec<PathBuf> = self
            .files
            .iter()
            .filter(|one| one.record.is_none())
            .filter_map(|one| one.local.as_ref().map(|local| local.path.clone()))
            .collect();
        let bytes: u64 = missing
            .iter()
            .filter_map(|path| located::at(&self.files, path)?.local.as_ref())
            .map(|file| file.bytes)
            .sum();
        let text = format!("uploading {}, {:.1} MB", counted(missing.len(), "file"), megabytes(bytes));
        self.progress.begins("upload", &text)?;
        // Its own bar moves now.
        self.progress.clear();
        let uploaded = upload(&self.client, &missing, self.context.output).await?;
        for (path, file) in missing.iter().zip(uploaded) {
            let Some(one) = self.files.iter_mut().find(|one| one.local.as_ref().is_some_and(|l| l.path == *path))
            else {
                continue;
            };
            let id = file.file_upload_id.clone();
            one.uploaded(file);
            let text = format!("uploaded {} as {id}", path.display());
            self.progress.done("upload", &text, json!({"file": path, "file_upload_id": id}))?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
