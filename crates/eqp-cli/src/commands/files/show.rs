//! `eqp files show`.

use clap::Args;
use eqp_types::FileUploadId;

use super::{HEADS, RIGHT, row};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::PagedTable;

/// Show a file as the Marketplace knows it, with its malware scan
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files show 2309480238.238475.0
  eqp files show 2309480238.238475.0 --json | jq -r .malware_status")]
pub(crate) struct Show {
    /// The file's id
    file_upload_id: FileUploadId,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let record = client.files().get(&self.file_upload_id).await?;
        if context.output.is_json() {
            return context.output.json(&record);
        }
        context.output.line(PagedTable::new(HEADS, RIGHT).page([row(client.environment(), &record)]))
    }
}
