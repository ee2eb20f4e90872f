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
use crate::failure::{Failure, Outcome};
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
    let shutdown = shutdown::requested();
    let screen = Screen::new(context.output);
    screen.title();

    let started = Box::pin(shutdown.run_until_cancelled(House::start(context, &screen, wish.speed))).await;
    let house = started.unwrap_or_else(|| Err(Failure::interrupted()))?;
    let shown = async {
        match shutdown.run_until_cancelled(Show::new(&house, &screen, begun).run()).await {
            Some(seen) => tell(context, &screen, &house, &seen?, wish, &shutdown).await,
            None => Err(Failure::interrupted()),
        }
    };
    let result = house.keeping_up(&shutdown, Box::pin(shown)).await;
    screen.end();
    tokio::select! {
        stopped = house.stop() => stopped.and(result),
        // Dropped: Postgres is stopped and the folder removed all the same.
        () = shutdown::hurried().cancelled_owned() => Err(Failure::interrupted()),
    }
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
