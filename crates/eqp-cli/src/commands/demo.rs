//! `eqp demo`.

use clap::Args;

use super::moment;
use crate::context::Context;
use crate::demo::{self, Wish};
use crate::failure::Outcome;

const EXAMPLES: &str = "\
Examples:
  eqp demo                 watch it, then look around from a second terminal
  eqp demo --exit --json   run it and print one object with what was measured";

/// Show everything at once: extensions on their way through a simulated Marketplace
///
/// Starts a private Postgres, a receiver and a simulator in a temporary folder, registers a callback, submits three
/// extensions and shows every callback that comes in, until two are in the store and one is refused.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// End after the release instead of waiting for Ctrl-C
    #[arg(long)]
    exit: bool,
    /// How many times faster than its own pace (some three minutes a review) the Marketplace runs
    #[arg(long, default_value_t = 30.0, value_name = "FACTOR", value_parser = moment::speed)]
    speed: f64,
}

impl Demo {
    /// Runs it.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        demo::run(context, Wish { exit: self.exit, speed: self.speed }).await
    }
}
