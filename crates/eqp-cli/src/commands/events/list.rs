//! `eqp events list`.

use clap::Args;
use eqp_receiver::EventFilter;

use super::table::table;
use super::wanted::Wanted;
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::Whole;

/// List events, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events list --limit 10
  eqp events list --subject s5w9k703ru --flow marketing
  eqp events list --outcome rejected --since 7d --json | jq '.events[].subject'")]
pub(crate) struct List {
    #[command(flatten)]
    wanted: Wanted,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let marketplace = &context.settings.marketplace;
        let filter = EventFilter { limit: self.limit, ..self.wanted.filter(marketplace) };
        let database = Database::open_to_read(context).await?;
        let events = database.reader().events(&filter).await;
        database.close().await?;
        let events = events?;
        if context.output.is_json() {
            return context.output.json(&Whole {
                name: "events",
                environment: marketplace.environment,
                items: &events,
            });
        }
        if events.is_empty() {
            context.output.note("no events");
            return Ok(());
        }
        context.output.line(table(&events))
    }
}
