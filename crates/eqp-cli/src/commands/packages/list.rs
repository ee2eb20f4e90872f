//! `eqp packages list`.

use clap::Args;
use eqp_client::PackageField;
use eqp_types::{Environment, Package};

use super::tracks;
use super::wanted::{Sorting, Wanted};
use crate::commands::paging::{Listed, Paging};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::or_dash;

const HEADS: &[&str] = &["environment", "submission", "item", "sku", "version", "tracks", "changed (UTC)"];

/// List packages, the one that changed last first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages list --overall in_progress
  eqp packages list --sku acme/checkout --limit 5 --json
  eqp packages list --technical rejected --sort sku,-version
  eqp packages list --all --json | jq -r 'select(.type == \"theme\") | .sku'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    wanted: Wanted,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        // The API pages by position: what changes while all are read must not change its place.
        let order = if self.paging.all { PackageField::CreatedAt } else { PackageField::ModifiedAt };
        let filter = self.wanted.filter(Sorting::descending(order));
        let listed = Listed { name: "packages", heads: HEADS, right: &[], row };
        let fetch = async |offset, limit| client.packages().list(&filter.clone().offset(offset).limit(limit)).await;
        self.paging.show(context, client.environment(), &listed, fetch).await
    }
}

fn row(environment: Environment, package: &Package) -> Vec<String> {
    vec![
        environment.to_string(),
        or_dash(package.submission_id.as_ref()),
        or_dash(package.item_id.as_ref()),
        or_dash(package.sku.as_ref()),
        or_dash(package.version.as_ref()),
        tracks(package),
        or_dash(package.modified_at),
    ]
}
