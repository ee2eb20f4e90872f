//! `eqp migrate`.

use clap::Args;
use eqp_receiver::Migration;
use serde_json::json;

use crate::compose::database::{Database, Upgrade};
use crate::config::DatabaseChoice;
use crate::context::Context;
use crate::failure::Outcome;

/// Make the receiver's tables in the database, or bring them up to date
///
/// `eqp serve` does it by itself in the embedded database and in one that has none of them. In one that is in use the
/// moment is yours to choose: run this before the new version starts.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp migrate --database postgres://eqp@db.example.com/eqp
  EQP_DATABASE_URL_FILE=/run/secrets/database_url eqp migrate --json
  eqp migrate --dry-run")]
pub(crate) struct Migrate {
    /// Show what would be applied, and apply nothing
    #[arg(long)]
    dry_run: bool,
}

impl Migrate {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if self.dry_run {
            return self.look(context).await;
        }
        let database = match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => Database::given(&url).await?,
            DatabaseChoice::Embedded => {
                Database::embedded_as_it_is(&context.settings.data.open()?.postgres(), context.output).await?
            }
        };
        let migrated = migrate(&database).await;
        database.close().await?;
        self.report(context, &migrated?)
    }

    /// What would be applied. A database that is not there yet would be made with all of it.
    async fn look(&self, context: &Context) -> Outcome {
        let steps = match Database::open_to_look(context, Upgrade::No).await? {
            None => eqp_receiver::all_migrations(),
            Some(database) => {
                let steps = eqp_receiver::migrations(database.pool()).await;
                database.close().await?;
                steps?
            }
        };
        self.report(context, &steps)
    }

    fn report(&self, context: &Context, steps: &[Migration]) -> Outcome {
        let (there, new): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step.applied);
        let there = there.len();
        if context.output.is_json() {
            let shown = |step: &&Migration| json!({"version": step.version, "description": step.description});
            let word = if self.dry_run { "would_apply" } else { "applied" };
            let new: Vec<_> = new.iter().map(shown).collect();
            return context.output.json(&json!({word: new, "already_there": there}));
        }
        let word = if self.dry_run { "would apply" } else { "applied" };
        for step in &new {
            context.output.line(format_args!("{word} {:04} {}", step.version, step.description))?;
        }
        context.output.note(format_args!("{} {word}, {there} were there", new.len()));
        Ok(())
    }
}

/// The steps as they were before; those that were missing are applied.
async fn migrate(database: &Database) -> Outcome<Vec<Migration>> {
    let steps = eqp_receiver::migrations(database.pool()).await?;
    eqp_receiver::migrate(database.pool()).await?;
    Ok(steps)
}
