//! The task that lets happen what is due.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::shared::Shared;

/// Runs until the shutdown.
pub(crate) async fn run(shared: Arc<Shared>, shutdown: CancellationToken) {
    loop {
        let (next, clock) = {
            let market = shared.market();
            (market.next_due(), market.clock().clone())
        };
        let due = async {
            match next {
                Some(at) => clock.wait_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            // Anything scheduled between the look and the wait has left its permit here.
            () = shared.rescheduled.notified() => {}
            () = due => {
                let any = shared.market().do_what_is_due();
                if any {
                    shared.revision.send_modify(|revision| *revision += 1);
                }
            }
        }
    }
}
