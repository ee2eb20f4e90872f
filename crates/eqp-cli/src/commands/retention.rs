//! `eqp retention`.

use clap::Args;
use eqp_receiver::Retention as Receivers;
use serde_json::json;
use time::OffsetDateTime;

use crate::compose::database::{Database, Upgrade};
use crate::config::Keep;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{counted, utc};

/// Delete old callbacks, once
///
/// Events, submissions and files stay; so does every callback that is not projected yet, and all after it. What is
/// deleted cannot be shown byte for byte or projected again. `eqp serve --keep` does the same all the time.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp retention --older-than 400d --dry-run
  eqp retention --older-than 400d --json")]
pub(crate) struct Retention {
    /// Delete what arrived longer ago than this, such as 400d; at least a day
    #[arg(long, value_name = "AGE")]
    older_than: Keep,
    /// Show how many callbacks would go, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

impl Retention {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let before = OffsetDateTime::now_utc()
            .checked_sub(time::Duration::try_from(self.older_than.0).unwrap_or(time::Duration::MAX))
            .ok_or_else(|| Failure::new(Exit::Usage, "no callback can be so old"))?;
        let database = Database::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let retention = Receivers::new(database.pool().clone());
        let outcome = async {
            let found = retention.count_before(before).await?;
            if self.dry_run || found == 0 {
                return Ok(found);
            }
            let callbacks = counted(found, "callback");
            context.confirmation.ask_anyway(&format!("Delete {callbacks} from before {} for good", utc(before)))?;
            Ok(retention.delete_before(before).await?)
        };
        let outcome: Outcome<u64> = outcome.await;
        database.close().await?;
        let callbacks = outcome?;
        let word = if self.dry_run { "would_delete" } else { "deleted" };
        if context.output.is_json() {
            return context.output.json(&json!({ word: callbacks, "before": crate::output::rfc3339(before) }));
        }
        let done = if self.dry_run { "would be deleted" } else { "deleted" };
        let callbacks = counted(callbacks, "callback");
        context.output.line(format_args!("{callbacks} from before {} {done}", utc(before)))
    }
}
