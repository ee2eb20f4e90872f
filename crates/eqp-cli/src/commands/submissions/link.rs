//! `eqp submissions link`.

use clap::Args;
use eqp_console::{CreatedSubmissionLink, NewSubmissionLink, SubmissionLink};
use eqp_store::SubmissionFilter;
use serde::Serialize;

use crate::arguments::duration;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::compose::pages_address::PagesAddress;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, utc};

/// The longest time for which a link is valid.
const LONGEST: time::Duration = time::Duration::days(90);

/// Print a read-only link to the page of one submission, for people without a token
///
/// The page shows the state of the submission, the reasons for a rejection and the steps of the review, but nothing
/// internal: no notes, deliveries, alerts or names. The link can be opened any number of times until it expires or is
/// revoked (`eqp submissions unlink`). The secret is in the fragment of the link, which browsers do not send; the
/// database stores only its hash.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp submissions link s5w9k703ru
  eqp submissions link s5w9k703ru --for 30d --at https://ops.example.com")]
pub(crate) struct Link {
    /// ID of the submission
    id: String,
    /// Validity of the link, at most 90d
    #[arg(long = "for", value_name = "AGE", default_value = "7d", value_parser = validity)]
    valid_for: time::Duration,
    #[command(flatten)]
    address: PagesAddress,
    /// Show which submission would be linked, without creating a link
    #[arg(long)]
    dry_run: bool,
}

/// Parses the time for which a link is valid.
fn validity(text: &str) -> std::result::Result<time::Duration, String> {
    let duration = duration(text)?;
    if duration > LONGEST {
        return Err("it is longer than 90 days".to_owned());
    }
    if duration < time::Duration::SECOND {
        return Err("it is shorter than a second".to_owned());
    }
    Ok(duration)
}

/// The link to create.
struct LinkPlan(NewSubmissionLink);

impl Plan for LinkPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&SubmissionLinkDryRun { would_link: &self.0 });
        }
        output.line(format_args!("would print a link to the submission {}", self.0.submission_id))
    }

    /// The link can be revoked.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Creates a link.
struct Creation<'a> {
    operator: &'a Operator,
    link: NewSubmissionLink,
}

impl Change for Creation<'_> {
    type Plan = LinkPlan;
    type Applied = CreatedSubmissionLink;

    async fn observe(&mut self) -> Result<LinkPlan> {
        let id = &self.link.submission_id;
        let filter = SubmissionFilter {
            environment: self.link.environment,
            submission_id: Some(id.clone()),
            ..SubmissionFilter::default()
        };
        match &self.operator.client().submissions(&filter).await?.submissions[..] {
            [_] => Ok(LinkPlan(self.link.clone())),
            [] => Err(Failure::new(Exit::NotFound, format!("no callback for submission {id} has been received"))
                .next(format!("query the Marketplace: eqp packages show {id}"))),
            [_, ..] => Err(Failure::usage(format!("several accounts have a submission {id}"))
                .next("select the environment: --environment production or --environment sandbox")),
        }
    }

    async fn apply(self, LinkPlan(link): LinkPlan, _: Confirmation) -> Result<CreatedSubmissionLink> {
        Ok(self.operator.client().create_submission_link(&link).await?)
    }
}

/// A created link as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubmissionLinkCreation<'a> {
    /// The link, without its secret.
    created: &'a SubmissionLink,
    /// The link with its secret, which cannot be shown again.
    link: &'a str,
}

/// The dry run of a creation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubmissionLinkDryRun<'a> {
    /// The link that would be created.
    would_link: &'a NewSubmissionLink,
}

impl Link {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let base = self.address.base(context)?;
        let environment = context.settings.marketplace.environment;
        let seconds = self.valid_for.whole_seconds().unsigned_abs();
        let link = NewSubmissionLink::new(self.id).environment(environment).valid_seconds(seconds);
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let creation = Creation { operator: &operator, link };
        let created = change::run(context, creation, self.dry_run).await;
        operator.close().await?;
        let Some(created) = created? else { return Ok(()) };
        let link = base.link(&created.path);
        if context.output.is_json() {
            return context.output.json(&SubmissionLinkCreation { created: &created.link, link: &link });
        }
        let (number, expires) = (created.link.id, utc(created.link.expires_at));
        context.output.note(format_args!(
            "link {number}, valid until {expires} (UTC); it cannot be shown again; to revoke it: eqp submissions unlink {number}"
        ));
        context.output.line(link)
    }
}
