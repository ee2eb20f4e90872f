//! `eqp submissions unlink`.

use clap::Args;
use eqp_console::SubmissionLink;
use serde::Serialize;
use time::OffsetDateTime;

use crate::arguments::whole;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Revoke a link to a submission; it stops working immediately
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions unlink 7 --dry-run
  eqp submissions unlink 7 --yes")]
pub(crate) struct Unlink {
    /// Number of the link, as shown by `eqp submissions links`
    #[arg(value_parser = whole::<i64>)]
    link: i64,
    /// Show which link would be revoked, and revoke nothing
    #[arg(long)]
    dry_run: bool,
}

/// The link to revoke.
struct UnlinkPlan(SubmissionLink);

impl Plan for UnlinkPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&UnlinkReport { revoked: None, would_revoke: Some(self.0.id) });
        }
        output.line(format_args!("would revoke link {} to the submission {}", self.0.id, self.0.submission_id))
    }

    fn question(&self) -> Question {
        Question::Irreversible(format!("Revoke link {} to the submission {}", self.0.id, self.0.submission_id))
    }
}

/// Revokes a link.
struct Revocation<'a> {
    operator: &'a Operator,
    link: i64,
}

impl Change for Revocation<'_> {
    type Plan = UnlinkPlan;
    type Applied = i64;

    async fn observe(&mut self) -> Result<UnlinkPlan> {
        let (links, now) = (self.operator.client().submission_links().await?.links, OffsetDateTime::now_utc());
        let is_it = |link: &SubmissionLink| link.id == self.link && link.revoked_at.is_none() && link.expires_at > now;
        let missing = || {
            Failure::new(Exit::NotFound, format!("there is no valid link {}", self.link))
                .next("list the links: eqp submissions links")
        };
        links.into_iter().find(is_it).map(UnlinkPlan).ok_or_else(missing)
    }

    async fn apply(self, UnlinkPlan(link): UnlinkPlan, _: Confirmation) -> Result<i64> {
        self.operator.client().revoke_submission_link(link.id).await?;
        Ok(link.id)
    }
}

/// A revocation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct UnlinkReport {
    /// The number of the link that was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<i64>,
    /// The number of the link that would be revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_revoke: Option<i64>,
}

impl Unlink {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let revocation = Revocation { operator: &operator, link: self.link };
        let revoked = change::run(context, revocation, self.dry_run).await;
        operator.close().await?;
        let Some(link) = revoked? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&UnlinkReport { revoked: Some(link), would_revoke: None });
        }
        context.output.line(format_args!("revoked link {link}"))
    }
}
