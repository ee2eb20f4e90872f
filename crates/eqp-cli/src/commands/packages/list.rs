//! `eqp packages list`.

use clap::Args;
use eqp_client::{PackageField, PackageFilter};
use serde_json::json;

use super::{or_dash, tracks};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::Table;

/// List packages, the one that changed last first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages list --overall in_progress
  eqp packages list --sku acme/checkout --limit 5 --json")]
pub(crate) struct List {
    /// Whose SKU holds this text
    #[arg(long, value_name = "TEXT")]
    sku: Option<String>,
    /// Whose overall state is this
    #[arg(long, value_name = "STATE")]
    overall: Option<String>,
    /// Whose technical review is in this state
    #[arg(long, value_name = "STATE")]
    technical: Option<String>,
    /// Whose marketing review is in this state
    #[arg(long, value_name = "STATE")]
    marketing: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u64,
    /// Leave out the first so many
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    offset: u64,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let wanted = [
            (PackageField::Sku, self.sku),
            (PackageField::OverallStatus, self.overall),
            (PackageField::TechnicalStatus, self.technical),
            (PackageField::MarketingStatus, self.marketing),
        ];
        let newest = PackageFilter::new().descending(PackageField::ModifiedAt).offset(self.offset).limit(self.limit);
        let filter = wanted
            .into_iter()
            .filter_map(|(field, text)| Some((field, text?)))
            .fold(newest, |filter, (field, text)| filter.matching(field, text));
        let page = client.packages().list(&filter).await?;
        let environment = client.environment();
        if context.output.is_json() {
            let answer = json!({"environment": environment, "total": page.total, "packages": page.items});
            return context.output.json(&answer);
        }
        if page.items.is_empty() {
            context.output.note(format_args!("no packages in {environment}"));
            return Ok(());
        }
        let mut table = Table::new(&["environment", "submission", "item", "sku", "version", "tracks", "changed (UTC)"]);
        for package in &page.items {
            table.row([
                environment.to_string(),
                or_dash(package.submission_id.as_ref()),
                or_dash(package.item_id.as_ref()),
                or_dash(package.sku.as_ref()),
                or_dash(package.version.as_ref()),
                tracks(package),
                or_dash(package.modified_at),
            ]);
        }
        context.output.line(table)?;
        let shown = page.items.len();
        if let Some(total) = page.total.filter(|total| *total > shown as u64) {
            context.output.note(format_args!("{shown} of {total}"));
        }
        Ok(())
    }
}
