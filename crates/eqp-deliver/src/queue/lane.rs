//! Sends the deliveries of one leased lane, in order, until one of them fails.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eqp_store::internal::{LeasedLane, Part, Supervisor, WaitingDelivery, delivery_lane, within};
use eqp_store::sqlx::PgPool;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::message::Prepared;
use super::pace::Pace;
use crate::{AttemptOutcome, AttemptResult, DeliveryHandler};

/// The time by which an attempt can exceed its deadline: a program needs a few seconds to stop.
const STOPPING: Duration = Duration::from_secs(8);
/// The time that must remain of a lease after an attempt, to record the result.
const MARGIN: Duration = Duration::from_secs(10);
/// The time limit for extending a lease.
const EXTENDING: Duration = Duration::from_secs(5);
/// The time after which the results of a lane are recorded, although more deliveries are waiting. After a crash, everything that was not
/// recorded is sent again.
const RECORD_AFTER: Duration = Duration::from_secs(5);

/// Returns the time for which a lane is leased. Always longer than one attempt and recording it.
pub(super) fn lease_time(deadline: Duration) -> Duration {
    deadline + STOPPING + MARGIN + Duration::from_secs(10)
}

/// A leased lane to send.
pub(super) struct Lane {
    pub(super) leased: LeasedLane,
    /// The name of the subscription.
    pub(super) subscription: String,
    /// Before the lease was requested.
    pub(super) leased_at: Instant,
    pub(super) deliveries: Vec<(WaitingDelivery, Prepared)>,
    pub(super) handler: Arc<dyn DeliveryHandler>,
    pub(super) is_stopped: Arc<AtomicBool>,
    pub(super) pace: Option<Arc<Pace>>,
}

/// Sends lanes.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) pool: PgPool,
    pub(super) supervisor: Supervisor,
    pub(super) deadline: Duration,
    pub(super) shutdown: CancellationToken,
}

/// One delivery that has ended, or an attempt that has failed.
pub(super) struct Ended {
    pub(super) delivery: WaitingDelivery,
    pub(super) result: AttemptResult,
    pub(super) at: Instant,
}

/// The result of sending a lane.
pub(super) struct LaneResult {
    pub(super) lane: LeasedLane,
    /// In order. Only the last one can have failed.
    pub(super) ended: Vec<Ended>,
    /// The next delivery waits for details.
    pub(super) wait: Option<Duration>,
    /// All deliveries that were read have ended, so the lane may be empty.
    pub(super) is_finished: bool,
}

impl Sender {
    /// Sends the deliveries of a lane.
    pub(super) async fn send(self, lane: Lane) -> LaneResult {
        let Lane { leased: lane, subscription, mut leased_at, deliveries, handler, is_stopped, pace } = lane;
        let begun = Instant::now();
        let mut result = LaneResult { lane, ended: Vec::new(), wait: None, is_finished: false };
        for (delivery, prepared) in deliveries {
            if self.shutdown.is_cancelled() || is_stopped.load(Ordering::Relaxed) || begun.elapsed() > RECORD_AFTER {
                return result;
            }
            let message = match prepared {
                Prepared::Send(message) => message,
                Prepared::Skip(reason) => {
                    let skipped = AttemptResult::new(AttemptOutcome::Skipped, None, Duration::ZERO, &reason);
                    result.ended.push(Ended { delivery, result: skipped, at: Instant::now() });
                    continue;
                }
                Prepared::Wait(wait) => {
                    result.wait = Some(wait);
                    return result;
                }
            };
            if let Some(pace) = &pace {
                pace.slot().await;
            }
            if !self.holds(&result.lane, &mut leased_at).await || is_stopped.load(Ordering::Relaxed) {
                return result;
            }
            let attempt = self.attempt(&*handler, &message).await;
            tracing::debug!(
                callback_id = message.body.callback_id().map(tracing::field::display),
                delivery = delivery.id,
                subscription,
                message_id = message.id,
                result = attempt.outcome.name(),
                status = attempt.status,
                "attempted delivery"
            );
            let is_over = matches!(attempt.outcome, AttemptOutcome::Delivered | AttemptOutcome::Skipped);
            result.ended.push(Ended { delivery, result: attempt, at: Instant::now() });
            if !is_over {
                return result;
            }
        }
        result.is_finished = true;
        result
    }

    /// Returns whether the lease is held for long enough for one more attempt, and extends it if necessary. A delivery that is sent after
    /// the lease has expired could arrive after later ones.
    async fn holds(&self, lane: &LeasedLane, leased_at: &mut Instant) -> bool {
        let lease = lease_time(self.deadline);
        if leased_at.elapsed() + self.deadline + STOPPING + MARGIN <= lease {
            return true;
        }
        let begun = Instant::now();
        let is_held = within(EXTENDING, delivery_lane::extend(&self.pool, lane, lease)).await.unwrap_or(false);
        *leased_at = begun;
        is_held
    }

    async fn attempt(&self, handler: &dyn DeliveryHandler, message: &crate::Message) -> AttemptResult {
        let begun = Instant::now();
        let attempt = AssertUnwindSafe(handler.deliver(message, self.deadline)).catch_unwind();
        match timeout(self.deadline + STOPPING, attempt).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => {
                self.supervisor.report(Part::Deliver, panic, Duration::ZERO);
                let outcome = AttemptOutcome::EventFailed { retry_after: None };
                AttemptResult::new(outcome, None, begun.elapsed(), "the handler panicked; see the log")
            }
            Err(_elapsed) => {
                let outcome = AttemptOutcome::HandlerDown { retry_after: None };
                AttemptResult::new(outcome, None, begun.elapsed(), "timed out")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_longer_than_an_attempt_and_ten_seconds() {
        for seconds in [1, 30, 600] {
            let deadline = Duration::from_secs(seconds);
            assert!(lease_time(deadline) > deadline + Duration::from_secs(10));
        }
    }
}
