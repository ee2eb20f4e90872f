//! `eqp migrate --from-0.1`: converts a database of version 0.1.

use eqp_receiver::{ReprojectScope, Reprojected, Reprojector};
use eqp_store::internal::upgrade::{self, UpgradePlan, UpgradeStep};
use eqp_store::{Error as StoreError, MasterKey};
use serde::Serialize;
use time::OffsetDateTime;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::{Database, Upgrade};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, counted};

/// The conversion of a database of version 0.1.
struct ConversionPlan(UpgradePlan);

impl Plan for ConversionPlan {
    fn show(self, output: Output) -> Result {
        report(output, &self.0, None)
    }

    /// Needs no confirmation to continue an interrupted conversion.
    fn question(&self) -> Question {
        match self.0.step {
            UpgradeStep::Convert => Question::Irreversible(format!("Convert {} from version 0.1", summary(&self.0))),
            UpgradeStep::Reproject => Question::Nothing,
        }
    }
}

/// Converts a database of version 0.1.
struct Conversion<'a> {
    context: &'a Context,
    database: &'a Database,
}

impl Conversion<'_> {
    /// Returns the master key if it exists. A new key could not unseal the existing secrets.
    fn master_key(&self) -> Result<Option<MasterKey>> {
        Ok(MasterKey::find(self.context.settings.data.look()?.master_key())?)
    }
}

impl Change for Conversion<'_> {
    type Plan = ConversionPlan;
    type Applied = (UpgradePlan, Reprojected);

    async fn observe(&mut self) -> Result<ConversionPlan> {
        let plan = upgrade::observe(self.database.pool()).await?;
        let key = self.master_key()?;
        if plan.master_key.is_some() && plan.master_key.as_ref() != key.as_ref().map(MasterKey::fingerprint) {
            return Err(StoreError::OtherMasterKey.into());
        }
        Ok(ConversionPlan(plan))
    }

    async fn apply(self, ConversionPlan(plan): ConversionPlan, _: Confirmation) -> Result<Self::Applied> {
        let pool = self.database.pool();
        if plan.step == UpgradeStep::Convert {
            let key = self.master_key()?;
            upgrade::convert(pool, key.as_ref().map(MasterKey::fingerprint)).await?;
        }
        let everything = ReprojectScope::Since(OffsetDateTime::UNIX_EPOCH);
        let reprojected = Reprojector::new(pool.clone()).run(&everything).await?;
        upgrade::finish(pool).await?;
        Ok((plan, reprojected))
    }
}

/// Converts the database, or shows what would be converted.
pub(crate) async fn run(context: &Context, dry_run: bool) -> Result {
    let Some(database) = Database::open_to_look(context, Upgrade::No).await? else {
        return Err(Failure::new(Exit::NotFound, "there is no database to convert")
            .next("set EQP_DATABASE_URL to the database, or --data-dir to the data folder of an embedded one"));
    };
    let converted = change::run(context, Conversion { context, database: &database }, dry_run).await;
    database.close().await?;
    match converted? {
        Some((plan, reprojected)) => report(context.output, &plan, Some(&reprojected)),
        None => Ok(()),
    }
}

fn summary(plan: &UpgradePlan) -> String {
    let callbacks = counted(u64::try_from(plan.callbacks).expect("a count is not negative"), "callback");
    let events = counted(u64::try_from(plan.events).expect("a count is not negative"), "event");
    format!("{callbacks} and {events}")
}

/// A conversion as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ConversionReport<'a> {
    #[serde(flatten)]
    rows: Converted,
    /// The result of the reprojection; null after a dry run.
    reprojected: Option<&'a Reprojected>,
}

/// The converted rows.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Converted {
    Converted(ConvertedCounts),
    WouldConvert(ConvertedCounts),
}

/// Numbers of converted rows.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ConvertedCounts {
    /// Marketplace accounts.
    accounts: i64,
    /// Endpoints, including retired ones.
    endpoints: i64,
    /// Credentials, including retired ones.
    credentials: i64,
    /// Callbacks.
    callbacks: i64,
    /// Events.
    events: i64,
    /// Handlers with a cursor.
    handlers: i64,
    /// Dead letters.
    dead_letters: i64,
}

fn report(output: Output, plan: &UpgradePlan, reprojected: Option<&Reprojected>) -> Result {
    if output.is_json() {
        let counts = ConvertedCounts {
            accounts: plan.accounts,
            endpoints: plan.endpoints,
            credentials: plan.credentials,
            callbacks: plan.callbacks,
            events: plan.events,
            handlers: plan.handlers,
            dead_letters: plan.dead_letters,
        };
        let rows = if reprojected.is_some() { Converted::Converted(counts) } else { Converted::WouldConvert(counts) };
        return output.json(&ConversionReport { rows, reprojected });
    }
    let verb = if reprojected.is_some() { "converted" } else { "would convert" };
    let line = |count: i64, what: &str| output.line(format_args!("{count:>9} {what}"));
    output.line(format_args!("{verb} from version 0.1:"))?;
    line(plan.accounts, "accounts")?;
    line(plan.endpoints, "endpoints")?;
    line(plan.credentials, "credentials")?;
    line(plan.callbacks, "callbacks")?;
    line(plan.events, "events")?;
    line(plan.handlers, "handler cursors")?;
    line(plan.dead_letters, "dead letters")?;
    if let Some(Reprojected { events_new, events_gone, skipped, .. }) = reprojected {
        output.note(format_args!(
            "reprojected: {events_new} new events, {events_gone} replaced; {skipped} resources skipped because \
             some of their callbacks have been deleted"
        ));
        output.note("the old tables are in the schema eqp_0_1; drop it when you no longer need it");
    }
    Ok(())
}
