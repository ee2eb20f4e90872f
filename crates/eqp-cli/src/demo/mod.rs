//! `eqp demo`: extensions go through the Marketplace on real parts, in seconds.
//!
//! A private Postgres, a receiver over TLS and a simulator of the Marketplace are started, and a vendor works with them
//! through the same code that production runs. What the screen shows comes out of the receiver's database.

mod archive;
mod board;
mod house;
mod report;
mod screen;
mod show;
mod track_line;
mod vendor;

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::compose::shutdown;
use crate::context::Context;
use crate::failure::Outcome;
use house::House;
use report::Report;
use screen::Screen;
use show::{Seen, Show};

/// How the demo runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// End after the release instead of waiting for Ctrl-C.
    pub(crate) exit: bool,
    /// How many times faster than its own pace the Marketplace runs.
    pub(crate) speed: f64,
}

/// Runs the demo to its end.
pub(crate) async fn run(context: &Context, wish: Wish) -> Outcome {
    let begun = Instant::now();
    let shutdown = shutdown::on_signal()?;
    let screen = Screen::new(context.output);
    screen.title();

    let house = House::start(context, &screen, wish.speed).await?;
    let shown = async {
        match Show::new(&house, &screen, begun).run(&shutdown).await? {
            Some(seen) => tell(context, &screen, &house, &seen, wish, &shutdown).await,
            // Ended by Ctrl-C before its end: nothing to report.
            None => Ok(()),
        }
    };
    let result = house.keeping_up(&shutdown, Box::pin(shown)).await;
    screen.end();
    house.stop().await?;
    result
}

async fn tell(
    context: &Context,
    screen: &Screen,
    house: &House,
    seen: &Seen,
    wish: Wish,
    shutdown: &CancellationToken,
) -> Outcome {
    let report = Report::new(seen, house.simulator().sent_count(), &house.reader().counts(None).await?);
    screen.report(&seen.board, &report, house.folder(), wish.exit);
    if context.output.is_json() {
        context.output.json(&report)?;
    }
    if !wish.exit {
        shutdown.cancelled().await;
    }
    Ok(())
}
