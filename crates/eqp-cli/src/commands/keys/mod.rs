//! `eqp keys`: manages the Composer keys of the account, with which Composer downloads packages.
//!
//! The `password_key` of a key is a secret. It is shown when the key is created, and otherwise only with --show-secrets.

pub(crate) mod change;

use clap::{Args, Subcommand, ValueEnum};
use eqp_client::keys::{KeyFilter, KeyPlatform};
use eqp_types::{ComposerKeyM2, Environment, Secret};
use serde::Serialize;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;

/// Manage Composer keys
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp keys create build-server
  eqp keys list
  eqp keys disable build-server")]
pub(crate) enum Keys {
    List(List),
    Create(change::Create),
    Enable(change::Enable),
    Disable(change::Disable),
    Delete(change::Delete),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Create(verb) => verb.run(context).await,
            Self::Enable(verb) => verb.run(context).await,
            Self::Disable(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// The platform of a key.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Platform {
    /// Magento 2
    M2,
    /// Magento 1
    M1,
    /// Both platforms
    All,
}

/// List Composer keys; passwords are hidden unless --show-secrets is given
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys list
  eqp keys list --label build --show-secrets --json \\
      | jq -r '.m2[0].password_key'")]
pub(crate) struct List {
    /// Show keys for this platform
    #[arg(long, value_enum, value_name = "PLATFORM", default_value_t = Platform::All)]
    platform: Platform,
    /// Show the key with this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Show keys of this account [default: all accounts]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
    /// Also show passwords
    #[arg(long)]
    show_secrets: bool,
}

/// Composer keys as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct KeyList<'a> {
    /// The environment.
    environment: Environment,
    /// The keys for Magento 2.
    m2: &'a [KeyView<'a>],
    /// The keys for Magento 1.
    m1: Vec<ProductKey<'a>>,
}

/// A key of Magento 1.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ProductKey<'a> {
    /// The product.
    product_name: Option<&'a str>,
    /// The key; null without `--show-secrets`.
    product_key: Option<&'a str>,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let platform = match self.platform {
            Platform::M1 => KeyPlatform::M1,
            Platform::M2 => KeyPlatform::M2,
            Platform::All => KeyPlatform::All,
        };
        let filter = KeyFilter { platform: Some(platform), label: self.label, uid: self.uid };
        let keys = client.keys().list(&filter).await?;
        let m2: Vec<_> = keys.m2.iter().map(|key| KeyView::new(key, self.show_secrets)).collect();
        // A Magento 1 key consists of a single secret.
        let m1: Vec<_> = keys
            .m1
            .iter()
            .map(|key| {
                let secret = key.product_key.as_ref().filter(|_| self.show_secrets);
                (key.product_name.as_deref(), secret.map(Secret::expose))
            })
            .collect();
        if context.output.is_json() {
            let m1 =
                m1.into_iter().map(|(product_name, product_key)| ProductKey { product_name, product_key }).collect();
            return context.output.json(&KeyList { environment, m2: &m2, m1 });
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

const HIDDEN: &str = "(hidden)";

/// A Magento 2 key, as shown.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct KeyView<'a> {
    /// The label.
    label: &'a str,
    /// The public key, which is the user name for Composer.
    user_key: Option<&'a str>,
    /// The private key, which is the password for Composer. Only for new keys and with `--show-secrets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_key: Option<&'a str>,
    /// Whether the key is enabled.
    is_enabled: Option<bool>,
    /// The account of the key.
    uid: Option<&'a str>,
}

impl<'a> KeyView<'a> {
    /// Creates the view of a key, with its password only if `with_secret` is true.
    pub(super) fn new(key: &'a ComposerKeyM2, with_secret: bool) -> Self {
        Self {
            label: &key.label,
            user_key: key.user_key.as_deref(),
            password_key: key.password_key.as_ref().filter(|_| with_secret).map(Secret::expose),
            is_enabled: key.is_enabled,
            uid: key.uid.as_deref(),
        }
    }
}

/// Formats keys as a table.
pub(super) fn table(environment: Environment, keys: &[KeyView<'_>]) -> Table {
    let mut table = Table::new(&["environment", "label", "user key", "password key", "enabled", "account"]);
    for key in keys {
        table.row([
            environment.as_str(),
            key.label,
            key.user_key.unwrap_or("-"),
            key.password_key.unwrap_or(HIDDEN),
            match key.is_enabled {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            },
            key.uid.unwrap_or("-"),
        ]);
    }
    table
}
