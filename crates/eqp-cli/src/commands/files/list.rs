//! `eqp files list`.

use clap::Args;

use super::{HEADS, RIGHT, row};
use crate::commands::paging::{Listed, Paging};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;

/// List uploaded files, in the Marketplace's own order: it knows no filter and no sorting of them
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp files list --limit 50
  eqp files list --all --json | jq -r 'select(.malware_status == \"fail\") | .file_upload_id'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let listed = Listed { name: "files", heads: HEADS, right: RIGHT, row };
        self.paging
            .show(context, client.environment(), &listed, async |offset, limit| {
                client.files().list(offset, limit).await
            })
            .await
    }
}
