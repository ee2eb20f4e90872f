//! `eqp files show`.

use clap::Args;
use eqp_types::FileUploadId;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, track_line};

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
        let text = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let submissions: Vec<_> = record.submission_ids.iter().map(ToString::to_string).collect();
        let scan = record.malware_status.as_ref().map(|scan| track_line([("malware", scan.as_str())]));
        let mut table = Table::new(&["environment", "id", "file", "type", "bytes", "scan", "submissions"]);
        table.row([
            client.environment().to_string(),
            record.file.file_upload_id.to_string(),
            text(record.file.filename),
            text(record.file.content_type),
            text(record.file.size.map(|size| size.to_string())),
            text(scan),
            if submissions.is_empty() { "-".into() } else { submissions.join(" ") },
        ]);
        context.output.line(table)
    }
}
