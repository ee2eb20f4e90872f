//! `eqp token create`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use eqp_console::{CreatedToken, NewToken, Scope, Token};
use serde::Serialize;
use time::OffsetDateTime;

use crate::arguments::duration;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Output, utc};

/// Create a token and print it once
///
/// The database stores only a hash of the token, so it cannot be printed again. No scope includes another one: a token
/// that must also read needs the scope read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp token create dashboard --scope read --expires 90d
  (umask 077; eqp token create ci --scope read,operate > token)
  eqp token create ci --scope read --json | jq -r .secret")]
pub(crate) struct Create {
    /// Name of the token: letters, digits, hyphens, underscores and dots
    name: String,
    /// Allowed operations: read, consume (fetch messages), operate (retry, replay, delete old callbacks), admin
    /// (tokens, accounts, endpoints)
    #[arg(
        long = "scope",
        required = true,
        value_delimiter = ',',
        value_name = "SCOPE",
        value_parser = PossibleValuesParser::new(Scope::VALUES).try_map(|text| text.parse::<Scope>()),
        hide_possible_values = true
    )]
    scopes: Vec<Scope>,
    /// Time after which the token becomes invalid, such as 90d [default: never]
    #[arg(long, value_name = "AGE", value_parser = duration)]
    expires: Option<time::Duration>,
    /// Show which token would be created, and create nothing
    #[arg(long)]
    dry_run: bool,
}

/// The token to create.
struct CreatePlan(NewToken);

impl Plan for CreatePlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&TokenDryRun { would_create: &self.0 });
        }
        output.line(format_args!("would create the token {}: {}", self.0.name, described(&self.0)))
    }

    /// The token can be revoked.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Describes the scopes and the end of a token.
fn described(token: &NewToken) -> String {
    let scopes: Vec<_> = token.scopes.iter().map(ToString::to_string).collect();
    let end =
        token.expires_at.map_or_else(|| "does not expire".to_owned(), |at| format!("expires at {} (UTC)", utc(at)));
    format!("scope {}, {end}", scopes.join(", "))
}

/// Creates a token.
struct Creation<'a> {
    operator: &'a Operator,
    token: NewToken,
}

impl Change for Creation<'_> {
    type Plan = CreatePlan;
    type Applied = CreatedToken;

    async fn observe(&mut self) -> Result<CreatePlan> {
        let tokens = self.operator.client().tokens().await?.tokens;
        if tokens.iter().any(|token| token.name == self.token.name && token.revoked_at.is_none()) {
            return Err(Failure::usage(format!("a token named {} exists", self.token.name))
                .next(format!("choose another name, or revoke it first: eqp token revoke {}", self.token.name)));
        }
        Ok(CreatePlan(self.token.clone()))
    }

    async fn apply(self, CreatePlan(token): CreatePlan, _: Confirmation) -> Result<CreatedToken> {
        Ok(self.operator.client().create_token(&token).await?)
    }
}

/// A created token as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TokenCreation<'a> {
    /// The token.
    created: &'a Token,
    /// The text of the token, which cannot be shown again.
    secret: &'a str,
}

/// The dry run of a creation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TokenDryRun<'a> {
    /// The token that would be created.
    would_create: &'a NewToken,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let mut token = NewToken::new(self.name, self.scopes);
        if let Some(age) = self.expires {
            let at = OffsetDateTime::now_utc().checked_add(age);
            token = token.expires_at(at.ok_or_else(|| Failure::usage("--expires is too far in the future"))?);
        }
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let creation = Creation { operator: &operator, token };
        let created = change::run(context, creation, self.dry_run).await;
        operator.close().await?;
        let Some(created) = created? else { return Ok(()) };
        let secret = created.secret.expose();
        if context.output.is_json() {
            return context.output.json(&TokenCreation { created: &created.token, secret });
        }
        context.output.note("store this token now; it cannot be shown again:");
        context.output.line(secret)
    }
}
