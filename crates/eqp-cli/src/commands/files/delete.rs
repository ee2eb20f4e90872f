//! `eqp files delete`.

use clap::Args;
use eqp_types::FileUploadId;
use serde_json::json;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

/// Delete an uploaded file (legacy: today's documentation has no such call, and the Marketplace may refuse it)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files delete 2309480238.238475.0
  eqp files delete 2309480238.238475.0 --environment production --yes")]
pub(crate) struct Delete {
    /// The file's id
    file_upload_id: FileUploadId,
}

impl Delete {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let id = &self.file_upload_id;
        context.confirmation.ask(environment, &format!("Delete the file {id}"))?;
        let kept_by = client.files().delete(id).await?;
        if context.output.is_json() {
            let deleted = kept_by.is_empty();
            context.output.json(&json!({
                "environment": environment, "file_upload_id": id, "deleted": deleted, "kept_by": kept_by,
            }))?;
        } else if kept_by.is_empty() {
            context.output.line(format_args!("{id} is deleted in {environment}"))?;
        }
        if kept_by.is_empty() {
            return Ok(());
        }
        let reasons = kept_by.iter().map(|reason| {
            let submission = reason.extra.get("submission_id").and_then(serde_json::Value::as_str);
            let code = reason.code.map(|code| format!(" (code {code})")).unwrap_or_default();
            format!("{}: {}{code}", submission.unwrap_or("-"), reason.message.as_deref().unwrap_or("no reason given"))
        });
        Err(reasons
            .fold(Failure::new(Exit::Rejected, format!("{id} was not deleted")), Failure::why)
            .next("take the packages that hold it out of the store, or give the file up there first"))
    }
}
