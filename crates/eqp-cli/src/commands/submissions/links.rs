//! `eqp submissions links`.

use clap::Args;
use eqp_console::SubmissionLink;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// List links to submissions, newest first, including revoked and expired ones
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions links
  eqp submissions links --json | jq -r '.links[] | select(.revoked_at == null) | .id'")]
pub(crate) struct Links {}

impl Links {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().submission_links().await;
        operator.close().await?;
        let listed = listed?;
        if context.output.is_json() {
            return context.output.json(&listed);
        }
        if listed.links.is_empty() {
            context.output.note("no links yet; create one: eqp submissions link ID");
            return Ok(());
        }
        let mut table = Table::new(&[
            "link",
            "submission",
            "environment",
            "created by",
            "expires (UTC)",
            "last used (UTC)",
            "revoked (UTC)",
        ]);
        for link in listed.links {
            let SubmissionLink { id, environment, submission_id, created_by, .. } = link;
            table.row([
                id.to_string(),
                submission_id,
                environment.to_string(),
                created_by,
                utc(link.expires_at),
                or_dash(link.last_used_at.map(utc)),
                or_dash(link.revoked_at.map(utc)),
            ]);
        }
        context.output.line(table)
    }
}
