//! Deliveries that fail hold back the later ones of their resource, for a limited time.

use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{ANSWER, WaitingDelivery, delivery_lane, within};
use eqp_store::sqlx::PgPool;

/// Moves a first delivery that has held back the others for long enough to a lane of its own. Returns how long the lane waits if its
/// first delivery is not due.
pub(crate) async fn set_aside(pool: &PgPool, deliveries: &mut Vec<WaitingDelivery>) -> Result<Option<Duration>, Error> {
    while let Some(head) = deliveries.first() {
        let Some(retry_in) = head.retry_in else { return Ok(None) };
        match head.hold_in {
            Some(Duration::ZERO) => {
                within(ANSWER, delivery_lane::move_aside(pool, head.id)).await?;
                let moved = deliveries.remove(0);
                for delivery in deliveries.iter_mut().filter(|delivery| delivery.replay_id.is_none()) {
                    delivery.out_of_order_after = delivery.out_of_order_after.max(Some(moved.event_seq));
                }
            }
            hold_in => return Ok(Some(retry_in.min(hold_in.unwrap_or(retry_in)))),
        }
    }
    Ok(None)
}
