//! The task that carries out due events.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::shared::Shared;

/// Runs until the shutdown.
pub(crate) async fn run(shared: Arc<Shared>, shutdown: CancellationToken) {
    loop {
        let (next, clock) = {
            let marketplace = shared.marketplace();
            (marketplace.next_due(), marketplace.clock().clone())
        };
        let due = async {
            match next {
                Some(at) => clock.wait_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            // An event that was scheduled since `next` was read has left a permit here.
            () = shared.rescheduled.notified() => {}
            () = due => {
                let any = shared.marketplace().run_due();
                if any {
                    shared.revision.send_modify(|revision| *revision += 1);
                }
            }
        }
    }
}
