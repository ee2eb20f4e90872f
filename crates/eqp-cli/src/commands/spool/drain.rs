//! `eqp spool drain`.

use clap::Args;
use eqp_receiver::Error;
use serde_json::json;

use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Outcome;

/// Bring what waits in the spool into its database
///
/// A running receiver does so by itself: this is for a spool that nobody uses, such as that of a receiver that will
/// not run again. A callback that is in the database already is not stored twice, and another database than the one it
/// was received for is refused.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp spool drain
  eqp spool drain --quarantine           # when what the database refused would be taken now
  eqp spool drain --spool-dir /mnt/old-receiver/spool --json")]
pub(crate) struct Drain {
    /// Try what is in quarantine again
    #[arg(long)]
    quarantine: bool,
}

impl Drain {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        // What needs no database first: it is quicker to say.
        if let Some(holder) = super::open(context)?.holder() {
            return Err(Error::SpoolHeld { folder: super::place(context)?, holder: holder.process() }.into());
        }
        let settings = super::settings(context)?;
        let database = Database::open_to_read(context).await?;
        let options = database.pool().connect_options();
        let drained = eqp_receiver::drain_spool(&settings, &options, self.quarantine).await;
        database.close().await?;
        let drained = drained?;
        let left = super::open(context)?.state()?;
        if context.output.is_json() {
            return context.output.json(&json!({
                "stored": drained.stored,
                "refused": drained.refused,
                "callbacks": left.callbacks,
                "quarantined": left.quarantined,
            }));
        }
        context.output.line(format_args!("stored      {}", drained.stored))?;
        context.output.line(format_args!("refused     {}", drained.refused))?;
        context.output.line(format_args!("quarantine  {}", left.quarantined))
    }
}
