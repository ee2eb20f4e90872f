//! `eqp token link`.

use clap::Args;
use eqp_console::{Scope, SignInLink};
use serde::Serialize;
use time::OffsetDateTime;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::compose::pages_address::PagesAddress;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, utc};

/// Print a link that signs a browser in to the web pages, valid once and for 5 minutes
///
/// The browser gets the scopes of the token, for 12 hours or until the token is revoked. The code is in the fragment of
/// the link (after #), which browsers do not send: it appears in no log, and a chat that previews the link cannot use
/// it up.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp token link dashboard
  eqp token link dashboard --at https://ops.example.com
  open \"$(eqp token link dashboard --quiet)\"")]
pub(crate) struct Link {
    /// Name of the token, as shown by `eqp token list`
    name: String,
    #[command(flatten)]
    address: PagesAddress,
    /// Show which token the link would be for, and create nothing
    #[arg(long)]
    dry_run: bool,
}

/// The name of the token for which a link is created.
struct LinkPlan(String);

impl Plan for LinkPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&LinkDryRun { would_link: &self.0 });
        }
        output.line(format_args!("would print a sign-in link for the token {}", self.0))
    }

    /// The link expires within minutes.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Creates a link.
struct Creation<'a> {
    operator: &'a Operator,
    name: String,
}

impl Change for Creation<'_> {
    type Plan = LinkPlan;
    type Applied = SignInLink;

    async fn observe(&mut self) -> Result<LinkPlan> {
        let tokens = self.operator.client().tokens().await?.tokens;
        let now = OffsetDateTime::now_utc();
        let is_valid = |expires: Option<OffsetDateTime>| expires.is_none_or(|at| at > now);
        let mut valid = tokens.iter().filter(|token| token.revoked_at.is_none() && is_valid(token.expires_at));
        if let Some(token) = valid.find(|token| token.name == self.name) {
            if token.scopes.contains(&Scope::Read) {
                return Ok(LinkPlan(self.name.clone()));
            }
            return Err(Failure::new(Exit::Failed, format!("the token {} cannot be used for the pages", self.name))
                .why("it does not have the scope read")
                .next("create one: eqp token create NAME --scope read,operate"));
        }
        Err(Failure::new(Exit::NotFound, format!("there is no valid token named {}", self.name))
            .next("list the tokens: eqp token list")
            .next(format!("create it: eqp token create {} --scope read,operate", self.name)))
    }

    async fn apply(self, LinkPlan(name): LinkPlan, _: Confirmation) -> Result<SignInLink> {
        Ok(self.operator.client().create_sign_in_link(&name).await?)
    }
}

/// A created link as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LinkCreation<'a> {
    /// The link, which can be used once.
    link: &'a str,
    /// When it becomes invalid.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    expires_at: OffsetDateTime,
}

/// The dry run of a creation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LinkDryRun<'a> {
    /// The name of the token for which a link would be created.
    would_link: &'a str,
}

impl Link {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let base = self.address.base(context)?;
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let creation = Creation { operator: &operator, name: self.name };
        let created = change::run(context, creation, self.dry_run).await;
        operator.close().await?;
        let Some(created) = created? else { return Ok(()) };
        let link = base.link(&created.path);
        if context.output.is_json() {
            return context.output.json(&LinkCreation { link: &link, expires_at: created.expires_at });
        }
        context
            .output
            .note(format_args!("open this link in a browser, once, until {} (UTC):", utc(created.expires_at)));
        context.output.line(link)
    }
}
