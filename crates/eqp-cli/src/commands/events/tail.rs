//! `eqp events tail`.

use clap::Args;

use super::table::line;
use super::wanted::Wanted;
use crate::compose::database::Database;
use crate::compose::shutdown;
use crate::context::Context;
use crate::failure::Outcome;

/// Follow events as they come, until Ctrl-C
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events tail
  eqp events tail --subject s5w9k703ru --json
  eqp events tail --since 1h       # the events of the last hour first
  eqp events tail --after 1200     # everything after event 1200 first")]
pub(crate) struct Tail {
    #[command(flatten)]
    wanted: Wanted,
    /// Start after the event with this number [default: with the next event, or at the time of --since]
    #[arg(long, value_name = "SEQ")]
    after: Option<i64>,
}

impl Tail {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let mut filter = self.wanted.filter(&context.settings.marketplace);
        // Since a time: what is there already from then on comes first.
        filter.after_seq = self.after.or(filter.since.map(|_| 0));
        let database = Database::open_to_read(context).await?;
        let followed = self::follow(context, &database, filter).await;
        database.close().await?;
        followed
    }
}

async fn follow(context: &Context, database: &Database, filter: eqp_receiver::EventFilter) -> Outcome {
    let stop = shutdown::requested();
    let mut tail = database.reader().tail(filter).await?;
    context.output.note("waiting for events; Ctrl-C ends");
    while let Some(next) = stop.run_until_cancelled(tail.next()).await {
        let Some(event) = next? else { break };
        if context.output.is_json() {
            context.output.json(&event)?;
        } else {
            context.output.line(line(&event))?;
        }
    }
    Ok(())
}
