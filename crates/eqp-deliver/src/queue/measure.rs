//! Measures the queue for the metrics.

use std::time::Duration;

use eqp_store::Observer;
use eqp_store::internal::{DeliveryMeasurement, Part, delivery_queue, within};
use eqp_store::sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const PERIOD: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(5);
/// The number of subscriptions that have metrics of their own. Each one is two series in every process.
const SUBSCRIPTIONS: i64 = 100;

/// Measures the queue until shutdown. While the database is down, the metrics keep their last values.
pub(crate) async fn measure(pool: PgPool, observer: Observer, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        observer.supervisor().fault_point(Part::Deliver);
        let round = async {
            let measuring = async {
                let mut connection = pool.acquire().await?;
                delivery_queue::measure(&mut connection, SUBSCRIPTIONS).await
            };
            // The worker logs that the database is down.
            if let Ok(queue) = within(DEADLINE, measuring).await {
                observer.deliveries(DeliveryMeasurement::Queue(&queue));
            }
            sleep(PERIOD).await;
        };
        let _cancelled = shutdown.run_until_cancelled(round).await;
    }
}
