//! `eqp whoami`: shows the account of the access key.

use clap::Args;
use serde_json::{Value, json};

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
            return context.output.json(&json!({
                "environment": client.environment(),
                "api_url": client.api_url(),
                "mage_id": mage_id,
                "vendor_name": user.vendor_name,
                "screen_name": user.screen_name,
                "partner_level": user.partner_level,
                "is_eligible": eligible,
                "profile": profile,
                "application_id": id,
                "secret_source": secret,
            }));
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
