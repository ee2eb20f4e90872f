//! Deletes what deliveries leave behind: empty lanes, old attempts, old dead deliveries, old replays, and removed
//! subscriptions.

use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{ANSWER, Part, Supervisor, delivery_sweep, pull, within};
use eqp_store::sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const INTERVAL: Duration = Duration::from_mins(1);
/// The pause between two statements, which leaves time for deliveries.
const PAUSE: Duration = Duration::from_millis(50);

/// Sweeps each minute, until shutdown.
pub(crate) async fn sweep(pool: PgPool, supervisor: Supervisor, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        supervisor.fault_point(Part::Deliver);
        let round = async {
            if let Err(error) = once(&pool).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot delete old deliveries, retrying");
            }
            sleep(INTERVAL).await;
        };
        let _cancelled = shutdown.run_until_cancelled(round).await;
    }
}

async fn once(pool: &PgPool) -> Result<(), Error> {
    for name in within(ANSWER, pull::remove_unused(pool)).await? {
        tracing::info!(subscription = name, "removed temporary subscription that was unused for 7 days");
    }
    loop {
        let mut most = within(ANSWER, delivery_sweep::empty_lanes(pool)).await?;
        most = most.max(within(ANSWER, delivery_sweep::attempts(pool)).await?);
        most = most.max(within(ANSWER, delivery_sweep::dead_deliveries(pool)).await?);
        most = most.max(within(ANSWER, delivery_sweep::chat_messages(pool)).await?);
        most = most.max(within(ANSWER, delivery_sweep::old_replays(pool)).await?);
        most = most.max(within(ANSWER, delivery_sweep::removed_subscriptions(pool)).await?);
        if most < delivery_sweep::BATCH {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}
