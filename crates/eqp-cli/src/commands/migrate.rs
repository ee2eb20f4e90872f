//! `eqp migrate`: runs pending migrations.

use clap::Args;
use eqp_store::internal::schema::{self, Migration};
use serde::Serialize;

use super::upgrade;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::{Database, Upgrade};
use crate::config::DatabaseChoice;
use crate::context::Context;
use crate::failure::Result;
use crate::output::Output;

/// Run pending migrations on a non-empty database
///
/// `eqp serve` migrates an embedded or empty database when it starts. For any other database, run this command before
/// you start the new version.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp migrate --database postgres://eqp@db.example.com/eqp
  EQP_DATABASE_URL_FILE=/run/secrets/database_url eqp migrate --json
  eqp migrate --dry-run
  eqp migrate --from-0.1 --dry-run")]
pub(crate) struct Migrate {
    /// Show pending migrations, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Convert a database of version 0.1; its old tables stay in the schema eqp_0_1
    #[arg(long = "from-0.1")]
    from_0_1: bool,
}

/// The migrations of a database, applied and pending.
struct MigrationPlan {
    steps: Vec<Migration>,
    note: Option<String>,
}

impl Plan for MigrationPlan {
    fn show(self, output: Output) -> Result {
        for note in self.notes() {
            output.note(note);
        }
        report(output, &self.steps, true)
    }

    fn notes(&self) -> Vec<String> {
        self.note.iter().cloned().collect()
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

/// Applies the pending migrations of a database.
struct MigrationRun<'a> {
    context: &'a Context,
}

impl Change for MigrationRun<'_> {
    type Plan = MigrationPlan;
    type Applied = Vec<Migration>;

    /// Lists the migrations. For a database that does not exist yet, all are pending.
    async fn observe(&mut self) -> Result<MigrationPlan> {
        let Some(database) = Database::open_to_look(self.context, Upgrade::No).await? else {
            // A forgotten URL would otherwise go unnoticed.
            let folder = self.context.settings.data.place()?;
            let note = format!("no database is configured: the embedded one in {} is created", folder.display());
            return Ok(MigrationPlan { steps: schema::all_migrations(), note: Some(note) });
        };
        let steps = schema::migrations(database.pool()).await;
        database.close().await?;
        Ok(MigrationPlan { steps: steps?, note: None })
    }

    async fn apply(self, _: MigrationPlan, _: Confirmation) -> Result<Vec<Migration>> {
        let context = self.context;
        let database = match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => Database::given(&url).await?,
            DatabaseChoice::Embedded => {
                Database::embedded_as_it_is(&context.settings.data.open()?.postgres(), context.output).await?
            }
        };
        let migrated = migrate(&database).await;
        database.close().await?;
        migrated
    }
}

impl Migrate {
    pub(crate) async fn run(self, context: &Context) -> Result {
        if self.from_0_1 {
            return upgrade::run(context, self.dry_run).await;
        }
        match change::run(context, MigrationRun { context }, self.dry_run).await? {
            Some(steps) => report(context.output, &steps, false),
            None => Ok(()),
        }
    }
}

/// The migrations as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct MigrationSummary<'a> {
    #[serde(flatten)]
    migrations: Migrations<'a>,
    /// The number of migrations that were applied before.
    already_applied: usize,
}

/// The migrations that were missing.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Migrations<'a> {
    Applied(Vec<MigrationReport<'a>>),
    WouldApply(Vec<MigrationReport<'a>>),
}

/// A migration.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct MigrationReport<'a> {
    /// Its number.
    version: i64,
    /// Its description.
    description: &'a str,
}

fn report(output: Output, steps: &[Migration], is_dry_run: bool) -> Result {
    let (present, new): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.applied);
    let present = present.len();
    if output.is_json() {
        let migrations =
            new.iter().map(|step| MigrationReport { version: step.version, description: &step.description });
        let migrations = migrations.collect();
        let migrations = if is_dry_run { Migrations::WouldApply(migrations) } else { Migrations::Applied(migrations) };
        return output.json(&MigrationSummary { migrations, already_applied: present });
    }
    let done = if is_dry_run { "would apply" } else { "applied" };
    for step in &new {
        output.line(format_args!("{done} {:04} {}", step.version, step.description))?;
    }
    output.note(format_args!("{} {done}, {present} applied before", new.len()));
    Ok(())
}

/// Applies the pending migrations. Returns all migrations in their previous state.
async fn migrate(database: &Database) -> Result<Vec<Migration>> {
    let steps = schema::migrations(database.pool()).await?;
    eqp_store::Store::new(database.pool().clone()).migrate().await?;
    Ok(steps)
}
