//! `eqp packages show`.

use clap::Args;
use eqp_types::SubmissionId;

use super::{or_dash, tracks};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::Table;

/// Show a package
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages show s5w9k703ru
  eqp packages show s5w9k703ru --json | jq .package.eqp_status")]
pub(crate) struct Show {
    /// Its submission id
    submission_id: SubmissionId,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let package = client.packages().get(&self.submission_id).await?;
        let environment = client.environment();
        if context.output.is_json() {
            return context.output.json(&serde_json::json!({"environment": environment, "package": package}));
        }
        context.output.line(format_args!(
            "{} ({}) in {environment}: {} {}\n{}\n",
            or_dash(package.submission_id.as_ref()),
            or_dash(package.item_id.as_ref()),
            or_dash(package.sku.as_ref()),
            or_dash(package.version.as_ref()),
            tracks(&package)
        ))?;
        let mut table = Table::new(&["field", "value"]);
        let fields = [
            ("name", package.name.clone()),
            ("type", package.kind.clone()),
            ("platform", package.platform.clone()),
            ("license", package.license_type.clone()),
            ("archive", package.artifact.as_ref().map(|artifact| artifact.file_upload_id.to_string())),
            ("created (UTC)", package.created_at.map(|time| time.to_string())),
            ("changed (UTC)", package.modified_at.map(|time| time.to_string())),
        ];
        for (field, value) in fields.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            table.row([field.to_owned(), value]);
        }
        context.output.line(table)
    }
}
