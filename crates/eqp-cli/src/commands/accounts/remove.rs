//! `eqp accounts remove`.

use clap::Args;
use eqp_console::{Account, KeyPlace};
use eqp_types::{Environment, MageId};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Delete the stored access key of an account, so that servers stop reconciling it
///
/// The account's endpoints, callbacks, submissions and events are not changed. The key itself stays valid until it is revoked in the
/// developer portal.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp accounts remove MAG123456789 --dry-run
  eqp accounts remove MAG123456789 --environment sandbox")]
pub(crate) struct Remove {
    /// Account, as shown by `eqp accounts list`
    #[arg(value_name = "MAGE_ID")]
    mage_id: MageId,
    /// Show which key would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// The account whose access key is to be deleted.
struct RemovePlan(Account);

impl Plan for RemovePlan {
    fn show(self, output: Output) -> Result {
        report(output, &self.0, Removal::Planned)
    }

    /// The same key can be added again.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Deletes an access key.
struct KeyRemoval<'a> {
    context: &'a Context,
    operator: &'a Operator,
    mage_id: &'a MageId,
}

impl Change for KeyRemoval<'_> {
    type Plan = RemovePlan;
    type Applied = Account;

    async fn observe(&mut self) -> Result<RemovePlan> {
        let environment = self.context.settings.marketplace.environment;
        let mut accounts = self.operator.client().accounts().await?.accounts;
        accounts.retain(|account| {
            account.mage_id == *self.mage_id && environment.is_none_or(|environment| account.environment == environment)
        });
        accounts.retain(|account| account.key != KeyPlace::None);
        match accounts.len() {
            0 => Err(Failure::new(Exit::NotFound, format!("no access key of {} is stored", self.mage_id))
                .next("eqp accounts list shows the accounts and where their keys are")),
            1 => Ok(RemovePlan(accounts.remove(0))),
            _ => Err(Failure::usage(format!("{} has an access key in both environments", self.mage_id))
                .next("choose one with --environment production or --environment sandbox")),
        }
    }

    async fn apply(self, RemovePlan(account): RemovePlan, _: Confirmation) -> Result<Account> {
        self.operator.client().delete_access_key(account.environment, &account.mage_id).await?;
        Ok(account)
    }
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let removal = KeyRemoval { context, operator: &operator, mage_id: &self.mage_id };
        let removed = change::run(context, removal, self.dry_run).await;
        operator.close().await?;
        match removed? {
            Some(account) => report(context.output, &account, Removal::Done),
            None => Ok(()),
        }
    }
}

/// Whether the key was removed, or would be.
#[derive(Clone, Copy, Debug)]
enum Removal {
    Planned,
    Done,
}

/// The removal of a key as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RemovalReport<'a> {
    /// The account whose key was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<RemovedKey<'a>>,
    /// The account whose key would be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_remove: Option<RemovedKey<'a>>,
}

/// An account whose key is removed.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RemovedKey<'a> {
    /// The environment.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
}

fn report(output: Output, account: &Account, removal: Removal) -> Result {
    let Account { environment, mage_id, .. } = account;
    if output.is_json() {
        let key = Some(RemovedKey { environment: *environment, mage_id });
        return output.json(&match removal {
            Removal::Planned => RemovalReport { removed: None, would_remove: key },
            Removal::Done => RemovalReport { removed: key, would_remove: None },
        });
    }
    let verb = match removal {
        Removal::Planned => "would delete",
        Removal::Done => "deleted",
    };
    output.line(format_args!("{verb} the stored access key of {mage_id} ({environment})"))
}
