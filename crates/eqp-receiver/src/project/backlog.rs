//! Watches how far projection and handlers are behind, for the metrics: in every process, also where another one projects.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::deadline::within;
use crate::supervise::Part;
use crate::{Metrics, store};

const PERIOD: Duration = Duration::from_secs(2);
/// How long the database may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// Looks from time to time, until shutdown. While the database is away the last that was known stands.
pub(crate) async fn watch(pool: PgPool, metrics: Metrics, shutdown: CancellationToken) {
    let watching = async {
        loop {
            metrics.supervisor().fault_point(Part::Backlog);
            let backlog = within(DEADLINE, store::pending::backlog(&pool)).await;
            metrics.database(backlog.is_ok());
            if let Ok(backlog) = backlog {
                metrics.pending(backlog.batches, backlog.oldest);
            }
            if let Ok(lags) = within(DEADLINE, store::handler_cursor::lags(&pool)).await {
                metrics.handlers().lags(lags);
            }
            sleep(PERIOD).await;
        }
    };
    let _ended = shutdown.run_until_cancelled(watching).await;
}
