//! `eqp accounts add`.

use std::path::PathBuf;

use clap::Args;
use eqp_store::Endpoints;
use eqp_store::internal::AccessKeys;
use eqp_types::{ApiKey, Environment, MageId};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::commands::login::ask_for_key;
use crate::compose::client::client_of;
use crate::compose::database::{Database, Migrate};
use crate::compose::receiver::master_key;
use crate::config::{Marketplace, from_environment};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::{Output, can_ask, escaped};

/// Verify an access key and store it, so that servers reconcile its account
///
/// Uses the configured access key, or the key given by --application-id and --secret-file. If the Marketplace accepts
/// the key, its secret is stored in the database, encrypted under the master key; only the database role eqp_reconcile
/// can read it. An account needs no endpoint to be added. A key that was stored earlier for the account is replaced.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp accounts add                           # the key of the current profile
  eqp accounts add --environment production \\
      --application-id my-id --secret-file secret.txt
  eqp accounts add --secret-in-configuration # store no secret")]
pub(crate) struct Add {
    /// File (mode 0600, or - for standard input) with the application secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Store only the application ID; servers read the secret from application_secret_file in their configuration
    #[arg(long)]
    secret_in_configuration: bool,
    /// Show which key would be verified and stored, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The plan of an addition as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AccountDryRun<'a> {
    /// The environment.
    environment: Environment,
    /// The API that the key would be sent to.
    would_verify_at: &'a str,
    /// Where the secret would be: `sealed` in the database, or `file` in the configuration of servers.
    would_store_key: &'static str,
}

/// An account with its stored key as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AddedReport<'a> {
    /// The environment.
    environment: Environment,
    /// The account of the key.
    mage_id: &'a MageId,
    /// The application ID of the key.
    application_id: &'a str,
    /// Where the secret is: `sealed` in the database, or `file` in the configuration of servers.
    key: &'static str,
}

/// An access key that is to be stored once the Marketplace has accepted it.
struct AddPlan {
    environment: Environment,
    api: String,
    /// Set if the key is sent to an API from the configuration that has not verified it before.
    is_api_stored: bool,
    is_sealed: bool,
}

impl AddPlan {
    fn place(&self) -> &'static str {
        if self.is_sealed { "sealed" } else { "file" }
    }
}

impl Plan for AddPlan {
    fn show(self, output: Output) -> Result {
        let Self { environment, api, .. } = &self;
        if output.is_json() {
            return output.json(&AccountDryRun {
                environment: *environment,
                would_verify_at: api,
                would_store_key: self.place(),
            });
        }
        output.line(format_args!("would verify the key at {}", escaped(api)))?;
        output.line(if self.is_sealed {
            "would store it in the database, encrypted under the master key"
        } else {
            "would store its application ID; servers read the secret from their configuration"
        })
    }

    fn question(&self) -> Question {
        if self.is_api_stored {
            Question::Irreversible(format!("Send the key to {}, which is set in the configuration", self.api))
        } else {
            Question::Nothing
        }
    }
}

/// An account whose key was stored.
struct AddedAccount {
    environment: Environment,
    mage_id: MageId,
    application_id: String,
}

/// Stores an access key.
struct AccountAddition<'a> {
    context: &'a Context,
    add: &'a Add,
}

impl AccountAddition<'_> {
    /// Returns whether the key is the configured one, which is bound to the API that has verified it.
    fn uses_configured_key(&self) -> bool {
        self.add.secret_file.is_none() && self.context.settings.marketplace.has_key()
    }

    /// Returns whether a key is configured or given, so that nobody has to be asked for it.
    fn has_key(&self) -> Result<bool> {
        if self.uses_configured_key() {
            return Ok(true);
        }
        let has_secret = self.add.secret_file.is_some()
            || from_environment("EQP_APPLICATION_SECRET", "the application secret")?.is_some();
        Ok(has_secret && self.context.settings.marketplace.application_id.is_some())
    }

    fn marketplace(&self) -> Result<Marketplace> {
        let options = &self.context.settings.marketplace;
        if self.uses_configured_key() {
            return options.resolve();
        }
        options.with_key(ask_for_key(options, self.add.secret_file.as_deref())?)
    }
}

impl Change for AccountAddition<'_> {
    type Plan = AddPlan;
    type Applied = AddedAccount;

    async fn observe(&mut self) -> Result<AddPlan> {
        let context = self.context;
        let options = &context.settings.marketplace;
        let environment = options.environment();
        let api = options.api_url().map_or_else(|| environment.base_url().to_owned(), ToString::to_string);
        let is_api_stored = !self.uses_configured_key()
            && context.loaded.given.marketplace.api_url().is_none()
            && context.confirm.is_simulated;
        let plan = AddPlan { environment, api, is_api_stored, is_sealed: !self.add.secret_in_configuration };
        if plan.is_api_stored && !context.confirm.given && !can_ask() {
            return Err(Failure::usage(format!("the key would be sent to {}", escaped(&plan.api)))
                .why("this URL comes from the configuration, and there is no terminal to ask for confirmation")
                .next(format!("to use this API, confirm it with --api-url {}", plan.api)));
        }
        if self.add.dry_run && !self.has_key()? {
            return Err(Failure::usage("no access key is given, so none would be stored")
                .next("pass --application-id and --secret-file, or configure a key with eqp login"));
        }
        Ok(plan)
    }

    async fn apply(self, plan: AddPlan, _: Confirmation) -> Result<AddedAccount> {
        let marketplace = self.marketplace()?;
        let ApiKey { application_id, application_secret } = marketplace.key.clone();
        let client = client_of(marketplace)?;
        let mage_id = client.session().await?.mage_id;
        let api_url = client.api_url().to_string();
        let data = self.context.settings.data.open()?;
        let database = Database::open(self.context, Migrate::WhenEmpty).await?;
        let stored = async {
            let key = master_key(&database, &data).await?;
            let endpoints = Endpoints::open(database.pool().clone(), key.clone()).await?;
            let account = endpoints.ensure_account(plan.environment, &mage_id).await?;
            let keys = AccessKeys::open(database.pool().clone(), key).await?;
            let secret = plan.is_sealed.then_some(&application_secret);
            Ok(keys.store(account, &application_id, &api_url, secret).await?)
        }
        .await;
        database.close().await?;
        stored.map(|()| AddedAccount { environment: plan.environment, mage_id, application_id })
    }
}

impl Add {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let addition = AccountAddition { context, add: &self };
        let Some(added) = change::run(context, addition, self.dry_run).await? else { return Ok(()) };
        let AddedAccount { environment, mage_id, application_id } = added;
        let place = if self.secret_in_configuration { "file" } else { "sealed" };
        if context.output.is_json() {
            return context.output.json(&AddedReport {
                environment,
                mage_id: &mage_id,
                application_id: &application_id,
                key: place,
            });
        }
        let secret = if self.secret_in_configuration {
            "servers read its secret from their configuration"
        } else {
            "its secret is stored in the database, encrypted"
        };
        context.output.line(format_args!(
            "added {mage_id} ({environment}) with the access key {}; {secret}",
            escaped(&application_id)
        ))?;
        context.output.note("servers with the role `reconcile` start to reconcile it within seconds");
        Ok(())
    }
}
