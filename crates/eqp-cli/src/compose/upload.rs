//! Files on their way to the Marketplace.

use std::path::PathBuf;

use eqp_client::Client;
use eqp_types::UploadedFile;

use crate::failure::Outcome;
use crate::output::Output;

/// Uploads files, and shows on a terminal how far it is. The answer is in their order.
pub(crate) async fn upload(client: &Client, files: &[PathBuf], output: Output) -> Outcome<Vec<UploadedFile>> {
    // What cannot be looked at is said by the upload itself, which looks at each file before it sends a byte.
    let bytes = files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum();
    Ok(client.files().upload_watched(files, output.upload_bar(files.len(), bytes)).await?)
}
