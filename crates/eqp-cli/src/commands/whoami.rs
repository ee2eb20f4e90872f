//! `eqp whoami`: shows the account of the access key.

use clap::Args;
use eqp_types::{Environment, MageId};
use serde::Serialize;
use serde_json::Value;

use crate::compose::client::client_of;
use crate::context::Context;
use crate::failure::Result;
use crate::output::escaped;

/// Show the account of the access key, and where the key comes from
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp whoami
  eqp whoami --profile live --json")]
pub(crate) struct Whoami {}

/// The account as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AccountReport<'a> {
    /// The environment.
    environment: Environment,
    /// The URL of the API.
    api_url: &'a str,
    /// The account.
    mage_id: &'a MageId,
    /// The vendor name, which is the first part of its SKUs.
    vendor_name: Option<&'a str>,
    /// The displayed name.
    screen_name: Option<&'a str>,
    /// The partner tier.
    partner_level: Option<&'a str>,
    /// Whether the account may use the API, if the Marketplace reports it.
    is_eligible: Option<bool>,
    /// The profile in use.
    profile: Option<&'a str>,
    /// The application ID of the access key.
    application_id: &'a str,
    /// Where the application secret was found.
    secret_source: &'a str,
}

impl Whoami {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let marketplace = context.settings.marketplace.resolve()?;
        let (id, secret) = (marketplace.key.application_id.clone(), marketplace.secret_source.to_string());
        let client = client_of(marketplace)?;
        let mage_id = client.session().await?.mage_id;
        let user = client.users().get().await?;
        let profile = context.loaded.profile.as_ref().map(|(name, _)| name);
        let eligible = user.eqp_api.as_ref().and_then(|api| api.get("is_eligible")).and_then(Value::as_bool);
        if context.output.is_json() {
            return context.output.json(&AccountReport {
                environment: client.environment(),
                api_url: client.api_url().as_str(),
                mage_id: &mage_id,
                vendor_name: user.vendor_name.as_deref(),
                screen_name: user.screen_name.as_deref(),
                partner_level: user.partner_level.as_deref(),
                is_eligible: eligible,
                profile: profile.map(String::as_str),
                application_id: &id,
                secret_source: &secret,
            });
        }
        let name =
            user.vendor_name.or(user.screen_name).map(|name| format!(" ({})", escaped(&name))).unwrap_or_default();
        let level = user.partner_level.map(|level| format!(", partner level {}", escaped(&level))).unwrap_or_default();
        let may = match eligible {
            Some(true) => "may use the API",
            Some(false) => "may not use the API",
            None => "it is unknown whether it may use the API",
        };
        let output = context.output;
        output.line(format_args!("{mage_id}{name} in {}{level}, at {}", client.environment(), client.api_url()))?;
        output.line(format_args!("  account  {may}"))?;
        output.line(format_args!("  profile  {}", profile.map_or("none", String::as_str)))?;
        output.line(format_args!("  key      {id}, its secret from {secret}"))
    }
}
