//! `eqp reports`: shows reports and metrics as the Marketplace returns them.

use clap::{Args, Subcommand};
use eqp_client::Client;
use eqp_client::reports::Report;
use eqp_types::Environment;
use serde::Serialize;
use serde_json::Value;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Result;
use crate::output::readable;

/// Show sales, refunds, page views and other reports (the sandbox has no sales)
///
/// The format of reports is not documented, so they are shown as the Marketplace returns them. --json prints them in
/// full.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp reports sales
  eqp reports pageviews --json | jq .
  eqp reports metrics")]
pub(crate) enum Reports {
    /// Show page views in the store
    #[command(after_help = "\
Examples:
  eqp reports pageviews --environment production")]
    Pageviews,
    /// Show totals
    #[command(after_help = "\
Examples:
  eqp reports totals --json")]
    Totals,
    /// Show sales
    #[command(after_help = "\
Examples:
  eqp reports sales --environment production --json | jq .report")]
    Sales,
    /// Show refunds
    #[command(after_help = "\
Examples:
  eqp reports refunds")]
    Refunds,
    Metrics(Metrics),
}

/// Show metrics of the review process
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp reports metrics
  eqp reports metrics --metric eqp_review_time --json")]
pub(crate) struct Metrics {
    /// Show only this metric
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
}

/// A report as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct BusinessReport<'a> {
    /// The environment.
    environment: Environment,
    /// The name of the report or metric.
    name: &'a str,
    /// The report, as the Marketplace returns it. Its form is not documented.
    report: &'a Value,
}

impl Reports {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let (name, report) = self.ask(&client).await?;
        let environment = client.environment();
        if context.output.is_json() {
            return context.output.json(&BusinessReport { environment, name: &name, report: &report });
        }
        context.output.note(format_args!("{name} in {environment}"));
        context.output.line(readable(&report))
    }

    async fn ask(self, client: &Client) -> Result<(String, Value)> {
        let reports = client.reports();
        let report = match self {
            Self::Pageviews => Report::PageViews,
            Self::Totals => Report::Totals,
            Self::Sales => Report::Sales,
            Self::Refunds => Report::Refunds,
            Self::Metrics(Metrics { metric: None }) => return Ok(("metrics".to_owned(), reports.metrics().await?)),
            Self::Metrics(Metrics { metric: Some(name) }) => {
                let values = reports.metric(&name).await?;
                return Ok((name, values));
            }
        };
        Ok((report.as_str().to_owned(), reports.get(report).await?))
    }
}
