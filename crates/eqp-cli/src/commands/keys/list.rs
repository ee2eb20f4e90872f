//! `eqp keys list`.

use clap::{Args, ValueEnum};
use eqp_client::keys::{KeyFilter, KeyPlatform};
use eqp_types::Secret;
use serde_json::json;

use super::shown::{ShownKey, table};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::Table;

/// What a key is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Platform {
    /// Magento 2
    M2,
    /// Magento 1
    M1,
    /// Either
    All,
}

/// List Composer keys; their passwords stay hidden unless they are asked for
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys list
  eqp keys list --label build --show-secrets --json | jq -r '.m2[0].password_key'")]
pub(crate) struct List {
    /// What they are for
    #[arg(long, value_enum, value_name = "PLATFORM", default_value_t = Platform::All)]
    platform: Platform,
    /// With this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Of this account [default: of all]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
    /// Show passwords too
    #[arg(long)]
    show_secrets: bool,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let platform = match self.platform {
            Platform::M1 => KeyPlatform::M1,
            Platform::M2 => KeyPlatform::M2,
            Platform::All => KeyPlatform::All,
        };
        let filter = KeyFilter { platform: Some(platform), label: self.label, uid: self.uid };
        let keys = client.keys().list(&filter).await?;
        let m2: Vec<_> = keys.m2.iter().map(|key| ShownKey::new(key, self.show_secrets)).collect();
        // A key of Magento 1 is one word, and that word is the secret.
        let m1: Vec<_> = keys
            .m1
            .iter()
            .map(|key| {
                let secret = key.product_key.as_ref().filter(|_| self.show_secrets);
                (key.product_name.as_deref(), secret.map(Secret::expose))
            })
            .collect();
        if context.output.is_json() {
            let m1: Vec<_> =
                m1.iter().map(|(product, key)| json!({"product_name": product, "product_key": key})).collect();
            return context.output.json(&json!({"environment": environment, "m2": m2, "m1": m1}));
        }
        if m2.is_empty() && m1.is_empty() {
            context.output.note(format_args!("no Composer keys in {environment}"));
            return Ok(());
        }
        if !m2.is_empty() {
            context.output.line(table(environment, &m2))?;
        }
        if !m1.is_empty() {
            let mut table = Table::new(&["environment", "product (Magento 1)", "key"]);
            for (product, key) in m1 {
                table.row([environment.as_str(), product.unwrap_or("-"), key.unwrap_or("(hidden)")]);
            }
            context.output.line(table)?;
        }
        Ok(())
    }
}
