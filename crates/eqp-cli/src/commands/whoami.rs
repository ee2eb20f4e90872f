//! `eqp whoami`.

use clap::Args;
use serde_json::json;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;

/// Show which account the access key belongs to
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp whoami
  eqp whoami --environment production --json")]
pub(crate) struct Whoami {}

impl Whoami {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let mage_id = client.session().await?.mage_id;
        let profile = client.users().summary().await?;
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": client.environment(),
                "api_url": client.api_url(),
                "mage_id": mage_id,
                "vendor_name": profile.vendor_name,
                "screen_name": profile.screen_name,
                "partner_level": profile.partner_level,
            }));
        }
        let name = profile.vendor_name.or(profile.screen_name).map(|name| format!(" ({name})")).unwrap_or_default();
        let level = profile.partner_level.map(|level| format!(", partner level {level}")).unwrap_or_default();
        context.output.line(format_args!("{mage_id}{name} in {}{level}, at {}", client.environment(), client.api_url()))
    }
}
