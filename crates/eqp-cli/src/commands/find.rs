//! `eqp find`: finds products, submissions, files and events by a piece of text.

use clap::Args;
use eqp_console::{FindQuery, Found};

use crate::arguments::within;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, or_dash};

/// Find a product, submission, file or event by ID, version or part of its name
///
/// Searches for a complete ID (of a submission, file, item, event, callback or message), for a version, and for a part
/// of a SKU, title or file name. Upper and lower case are only distinguished in IDs. The exit code is 4 if nothing is
/// found.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp find checkout
  eqp find s5w9k703ru
  eqp find 2309480238.238475.0 --json | jq -r '.found[].command'")]
pub(crate) struct Find {
    /// Text to search for
    #[arg(value_name = "TEXT")]
    text: String,
    /// Maximum number of results
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = within(1_u32..=100))]
    limit: u32,
}

impl Find {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let query = FindQuery::new(self.text.as_str()).limit(self.limit);
        let operator = Operator::open_to_read(context).await?;
        let found = operator.client().find(&query).await;
        operator.close().await?;
        let list = found?;
        if context.output.is_json() {
            context.output.json(&list)?;
        } else if !list.found.is_empty() {
            let mut table = Table::new(&["kind", "id", "product", "version", "status", "show it with"]);
            for found in &list.found {
                table.row(row(found));
            }
            context.output.line(table)?;
        }
        if !list.found.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Exit::NotFound, format!("nothing was found for {}", self.text))
            .next("search at the Marketplace: eqp packages list --sku TEXT"))
    }
}

fn row(found: &Found) -> [String; 6] {
    let name = found.sku.as_ref().or(found.name.as_ref());
    [
        found.kind.to_string(),
        found.id.clone(),
        or_dash(name),
        or_dash(found.version.as_ref()),
        or_dash(found.status.as_ref()),
        found.command.clone(),
    ]
}
