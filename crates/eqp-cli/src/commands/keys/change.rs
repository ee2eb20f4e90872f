//! `eqp keys create`, `enable`, `disable` and `delete`: change the Composer keys of the account.

use clap::Args;
use eqp_client::Client;
use eqp_client::keys::{KeyFilter, KeyPlatform, KeyResult, NewKey};
use eqp_types::Environment;
use serde::Serialize;

use super::{KeyView, table};
use crate::change::{self, Change, Confirmation, RequestPlan, Verb};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::counted;
use crate::text::refusal;

/// Create Composer keys and print their passwords
///
/// The passwords are written to standard output only: redirect it to a file that only you can read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys create build-server
  (umask 077; eqp keys create build-server --json > key.json)")]
pub(crate) struct Create {
    /// Labels of the new keys
    #[arg(required = true, value_name = "LABEL")]
    labels: Vec<String>,
    /// Account of the keys [default: your own]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
    /// Show what would be created, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Creates keys, one for each label.
struct KeyCreation {
    client: Client,
    labels: Vec<String>,
    uid: Option<String>,
}

impl Change for KeyCreation {
    type Plan = RequestPlan;
    type Applied = Vec<KeyResult>;

    async fn observe(&mut self) -> Result<RequestPlan> {
        Ok(RequestPlan {
            environment: self.client.environment(),
            verb: Verb::Create,
            object: counted(self.labels.len(), "Composer key"),
            items: self.labels.clone(),
        })
    }

    async fn apply(self, _: RequestPlan, _: Confirmation) -> Result<Vec<KeyResult>> {
        let key = |label: &String| match &self.uid {
            Some(uid) => NewKey::new(label).uid(uid),
            None => NewKey::new(label),
        };
        let keys: Vec<_> = self.labels.iter().map(key).collect();
        Ok(self.client.keys().create(&keys).await?)
    }
}

/// Created keys as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct CreatedKeys<'a> {
    /// The environment.
    environment: Environment,
    /// The keys, with their passwords.
    m2: &'a [KeyView<'a>],
    /// The keys that the Marketplace rejected.
    refused: Vec<RefusedKey<'a>>,
}

/// A key that was not created.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RefusedKey<'a> {
    /// The label.
    label: &'a str,
    /// The Marketplace's code.
    code: Option<i64>,
    /// The Marketplace's message.
    message: Option<&'a str>,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let creation = KeyCreation { client, labels: self.labels.clone(), uid: self.uid };
        let Some(results) = change::run(context, creation, self.dry_run).await? else { return Ok(()) };
        let created = results.iter().filter(|result| result.is_success());
        let created: Vec<_> = created.filter_map(|result| Some(KeyView::new(result.key.as_ref()?, true))).collect();
        let refused: Vec<_> = self.labels.iter().zip(&results).filter(|(_, result)| !result.is_success()).collect();
        if context.output.is_json() {
            let refused = refused.iter().map(|(label, result)| RefusedKey {
                label,
                code: result.code,
                message: result.message.as_deref(),
            });
            context.output.json(&CreatedKeys { environment, m2: &created, refused: refused.collect() })?;
        } else if !created.is_empty() {
            context.output.line(table(environment, &created))?;
        }
        if refused.is_empty() {
            return Ok(());
        }
        let what = format!("{} of {} keys were not created", refused.len(), results.len());
        let reasons = refused.iter().map(|(label, result)| format!("{label}: {}", reason(result)));
        Err(reasons.fold(Failure::new(Exit::Rejected, what), Failure::why))
    }
}

fn reason(result: &KeyResult) -> String {
    refusal(result.message.as_deref(), result.code)
}

/// Enable a Composer key
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys enable build-server")]
pub(crate) struct Enable {
    #[command(flatten)]
    key: KeySelector,
}

/// Disable a Composer key without deleting it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys disable build-server
  eqp keys disable build-server --uid MAG123456789 --json")]
pub(crate) struct Disable {
    #[command(flatten)]
    key: KeySelector,
}

/// Selects a key.
#[derive(Args, Clone, Debug)]
struct KeySelector {
    /// Label of the key
    label: String,
    /// Account of the key [default: your own]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
    /// Show what would be changed, and send nothing
    #[arg(long)]
    dry_run: bool,
}

impl KeySelector {
    fn plan(&self, client: &Client, verb: Verb) -> RequestPlan {
        RequestPlan {
            environment: client.environment(),
            verb,
            object: format!("the Composer key `{}`", self.label),
            items: vec![self.label.clone()],
        }
    }
}

impl Enable {
    pub(crate) async fn run(self, context: &Context) -> Result {
        set_enabled(context, self.key, true).await
    }
}

impl Disable {
    pub(crate) async fn run(self, context: &Context) -> Result {
        set_enabled(context, self.key, false).await
    }
}

/// Enables or disables a key.
struct KeySwitch {
    client: Client,
    key: KeySelector,
    is_enabled: bool,
}

impl Change for KeySwitch {
    type Plan = RequestPlan;
    /// Whether the key is enabled now, as reported by the Marketplace; `None` if it does not report it.
    type Applied = Option<bool>;

    async fn observe(&mut self) -> Result<RequestPlan> {
        Ok(self.key.plan(&self.client, if self.is_enabled { Verb::Enable } else { Verb::Disable }))
    }

    async fn apply(self, _: RequestPlan, _: Confirmation) -> Result<Option<bool>> {
        let KeySelector { label, uid, .. } = &self.key;
        let result = self.client.keys().set_enabled(label, uid.as_deref(), self.is_enabled).await?;
        if !result.is_success() {
            return Err(Failure::new(
                Exit::Rejected,
                format!("the Marketplace rejected the change of the key `{label}`"),
            )
            .why(reason(&result)));
        }
        // The state in the response counts, not the requested one.
        match result.key.and_then(|key| key.is_enabled) {
            Some(is_enabled) => Ok(Some(is_enabled)),
            None => self.read_back().await,
        }
    }
}

impl KeySwitch {
    /// Returns whether the key is enabled according to the list of keys.
    async fn read_back(&self) -> Result<Option<bool>> {
        let KeySelector { label, uid, .. } = &self.key;
        let filter = KeyFilter { platform: Some(KeyPlatform::M2), label: Some(label.clone()), uid: uid.clone() };
        let keys = self.client.keys().list(&filter).await?;
        Ok(keys.m2.into_iter().find(|key| key.label == *label).and_then(|key| key.is_enabled))
    }
}

/// An enabled or disabled key as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SwitchedKey<'a> {
    /// The environment.
    environment: Environment,
    /// The label of the key.
    label: &'a str,
    /// The account that was given.
    uid: Option<&'a str>,
    /// Whether the key is enabled now; null if the Marketplace does not report it.
    is_enabled: Option<bool>,
}

async fn set_enabled(context: &Context, key: KeySelector, is_enabled: bool) -> Result {
    let client = client(&context.settings.marketplace)?;
    let environment = client.environment();
    let switch = KeySwitch { client, key: key.clone(), is_enabled };
    let Some(now) = change::run(context, switch, key.dry_run).await? else { return Ok(()) };
    let KeySelector { label, uid, .. } = &key;
    if context.output.is_json() {
        context.output.json(&SwitchedKey { environment, label, uid: uid.as_deref(), is_enabled: now })?;
    } else if let Some(now) = now {
        context.output.line(format_args!("{label} is {} in {environment}", in_words(now)))?;
    }
    if now == Some(is_enabled) {
        return Ok(());
    }
    let requested = in_words(is_enabled);
    Err(Failure::new(Exit::Failed, format!("could not confirm that key `{label}` is {requested}"))
        .why(match now {
            Some(now) => {
                format!("{requested} was requested, but the Marketplace reports {}", in_words(now))
            }
            None => "the Marketplace did not report its state".to_owned(),
        })
        .next("check with: eqp keys list"))
}

fn in_words(is_enabled: bool) -> &'static str {
    if is_enabled { "enabled" } else { "disabled" }
}

/// Delete a Composer key permanently; programs that use it lose access
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys delete build-server
  eqp keys delete build-server --environment production --yes")]
pub(crate) struct Delete {
    #[command(flatten)]
    key: KeySelector,
}

/// Deletes a key.
struct KeyDeletion {
    client: Client,
    key: KeySelector,
}

impl Change for KeyDeletion {
    type Plan = RequestPlan;
    type Applied = ();

    async fn observe(&mut self) -> Result<RequestPlan> {
        Ok(self.key.plan(&self.client, Verb::Delete))
    }

    async fn apply(self, _: RequestPlan, _: Confirmation) -> Result {
        Ok(self.client.keys().delete(&self.key.label, self.key.uid.as_deref()).await?)
    }
}

/// A deleted key as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DeletedKey<'a> {
    /// The environment.
    environment: Environment,
    /// The label of the key.
    label: &'a str,
    /// The account that was given.
    uid: Option<&'a str>,
    /// Always true.
    deleted: bool,
}

impl Delete {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let KeySelector { label, uid, dry_run } = self.key.clone();
        let deletion = KeyDeletion { client, key: self.key };
        let Some(()) = change::run(context, deletion, dry_run).await? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&DeletedKey { environment, label: &label, uid: uid.as_deref(), deleted: true });
        }
        context.output.line(format_args!("deleted {label} in {environment}"))
    }
}
