//! `eqp demo`: starts an embedded Postgres, a receiver over TLS and a simulated Marketplace, and releases extensions as
//! a vendor would. Releases and rejections are delivered to a webhook and a chat on this machine.
//!
//! All parts run the same code as in production. The screen shows the contents of the receiver's database.

mod board;
mod deliveries;
mod pages;
mod progress;
mod receivers;
pub(crate) mod report;
mod screen;
mod setup;
mod storyline;
mod vendor;

use std::time::Instant;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::arguments;
use crate::compose::process;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::shutdown;
use report::Observed;
use report::Report;
use screen::Screen;
use setup::Setup;
use storyline::Storyline;

const EXAMPLES: &str = "\
Examples:
  eqp demo                 # watch it, then explore from a second terminal
  eqp demo --exit --json   # run it and print the measurements as one object";

/// Run a complete demo: three extensions go through a simulated Marketplace
///
/// Starts an embedded Postgres, a receiver and a simulator in a temporary folder, registers a callback and submits
/// three extensions. Shows every callback that arrives, until two extensions are in the store and one is rejected. Also
/// delivers these results to a webhook and to a chat on this machine; one delivery fails and is retried. Without
/// --exit, the demo keeps running and serves the web pages, too.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Demo {
    /// Exit after the last review instead of waiting for Ctrl-C
    #[arg(long)]
    exit: bool,
    /// Run the simulated Marketplace this many times faster (a review takes about three minutes at 1)
    #[arg(long, default_value_t = 30.0, value_name = "FACTOR", value_parser = arguments::speed)]
    speed: f64,
}

impl Demo {
    /// Runs the demo.
    pub(crate) async fn run(self, context: &Context) -> Result {
        // The demo's receiver needs many open files too.
        process::allow_many_files();
        let begun = Instant::now();
        let shutdown = shutdown::requested();
        let screen = Screen::new(context.output);
        screen.title();

        let started =
            Box::pin(shutdown.run_until_cancelled(Setup::start(context, &screen, self.speed, !self.exit))).await;
        let setup = started.unwrap_or_else(|| Err(Failure::interrupted()))?;
        let shown = async {
            match Box::pin(shutdown.run_until_cancelled(Storyline::new(&setup, &screen, begun).run())).await {
                Some(observed) => report(context, &screen, &setup, &observed?, self, &shutdown).await,
                None => Err(Failure::interrupted()),
            }
        };
        let result = setup.keeping_up(&shutdown, Box::pin(shown)).await;
        screen.end();
        tokio::select! {
            stopped = setup.stop() => stopped.and(result),
            // If it is dropped instead, Postgres is stopped and the folder is removed as well.
            () = shutdown::hurried().cancelled_owned() => Err(Failure::interrupted()),
        }
    }
}

async fn report(
    context: &Context,
    screen: &Screen,
    setup: &Setup,
    observed: &Observed,
    options: Demo,
    shutdown: &CancellationToken,
) -> Result {
    let report = Report::new(observed, setup.simulator().sent_count(), &setup.reader().counts(None).await?);
    screen.report(&observed.board, &report, setup.folder(), options.exit);
    if let Some(address) = setup.pages() {
        screen.pages(address, setup.folder());
    }
    if context.output.is_json() {
        context.output.json(&report)?;
    }
    if !options.exit {
        shutdown.cancelled().await;
    }
    Ok(())
}
