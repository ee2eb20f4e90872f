//! Finds problems with the deliveries of a database, for `eqp doctor`.

use std::fmt;
use std::time::Duration;

use eqp_store::internal::{ANSWER, DeliveryQueue, delivery_queue, within};
use time::OffsetDateTime;

use super::{SubscriptionError, Subscriptions};

/// The time for which a delivery that is due, or an event that is not matched yet, shows that no process delivers.
const UNATTENDED: Duration = Duration::from_mins(1);
/// The age from which on a waiting delivery needs attention.
const OLD: time::Duration = time::Duration::hours(1);
/// The number of subscriptions that are examined.
const SUBSCRIPTIONS: i64 = 1_000;

/// Something about deliveries that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryProblem {
    /// Events or deliveries are due, and no process takes them: the role `deliver` runs nowhere.
    Unattended {
        /// For how long.
        since: Duration,
    },
    /// A subscription is paused.
    Paused {
        /// Its name.
        subscription: String,
        /// The reason of the pause.
        reason: String,
    },
    /// The handler of a subscription is down, and is tried again from time to time.
    Down {
        /// The name of the subscription.
        subscription: String,
        /// When the first attempt failed.
        since: OffsetDateTime,
    },
    /// Deliveries of a subscription failed for good.
    Dead {
        /// Its name.
        subscription: String,
        /// The number of deliveries; at most 10,000 are counted.
        deliveries: u64,
    },
    /// A delivery of a subscription has been waiting for long.
    Old {
        /// Its name.
        subscription: String,
        /// When the delivery was created.
        since: OffsetDateTime,
    },
}

impl fmt::Display for DeliveryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unattended { since } => {
                let seconds = since.as_secs();
                write!(f, "nothing has been delivered for {seconds} s although something is due")
            }
            Self::Paused { subscription, reason } => write!(f, "{subscription} is paused ({reason})"),
            Self::Down { subscription, since } => {
                write!(f, "the handler of {subscription} has been down since {} {}", since.date(), Clock(*since))
            }
            Self::Dead { subscription, deliveries: 1 } => write!(f, "{subscription} has 1 dead delivery"),
            Self::Dead { subscription, deliveries } => write!(f, "{subscription} has {deliveries} dead deliveries"),
            Self::Old { subscription, since } => {
                write!(f, "a delivery of {subscription} has been waiting since {} {}", since.date(), Clock(*since))
            }
        }
    }
}

/// The time of the day in UTC, without seconds.
struct Clock(OffsetDateTime);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02} UTC", self.0.hour(), self.0.minute())
    }
}

impl Subscriptions {
    /// Returns what needs attention, the most important first. The first 1,000 subscriptions by name are examined.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Store`].
    pub async fn problems(&self) -> Result<Vec<DeliveryProblem>, SubscriptionError> {
        let queue = within(ANSWER, async {
            let mut connection = self.pool().acquire().await?;
            delivery_queue::measure(&mut connection, SUBSCRIPTIONS).await
        })
        .await?;
        Ok(problems(queue, OffsetDateTime::now_utc()))
    }
}

fn problems(queue: DeliveryQueue, now: OffsetDateTime) -> Vec<DeliveryProblem> {
    let unmatched = queue.unmatched_since.and_then(|since| Duration::try_from(now - since).ok());
    let is_used = !queue.subscriptions.is_empty();
    // After an outage, much is due for long while it is being sent.
    let unsent = queue.overdue.map(|overdue| queue.idle_for.map_or(overdue, |idle| overdue.min(idle)));
    let unattended = unsent.max(unmatched).filter(|since| is_used && *since > UNATTENDED);
    let mut problems: Vec<_> = unattended.map(|since| DeliveryProblem::Unattended { since }).into_iter().collect();
    for subscription in queue.subscriptions {
        let name = subscription.name;
        let is_paused = subscription.paused_reason.is_some();
        if let Some(reason) = subscription.paused_reason {
            problems.push(DeliveryProblem::Paused { subscription: name.clone(), reason });
        }
        if let Some(since) = subscription.down_since {
            problems.push(DeliveryProblem::Down { subscription: name.clone(), since });
        }
        if subscription.dead > 0 {
            problems.push(DeliveryProblem::Dead { subscription: name.clone(), deliveries: subscription.dead });
        }
        // That deliveries wait for a paused subscription or a handler that is down follows from what is reported already.
        let is_explained = is_paused || subscription.down_since.is_some();
        if let Some(since) = subscription.oldest_waiting_at.filter(|since| !is_explained && now - *since > OLD) {
            problems.push(DeliveryProblem::Old { subscription: name, since });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use eqp_store::internal::SubscriptionQueue;

    use super::*;

    fn subscription(name: &str) -> SubscriptionQueue {
        SubscriptionQueue {
            name: name.to_owned(),
            waiting: 0,
            dead: 0,
            oldest_waiting_at: None,
            paused_reason: None,
            down_since: None,
        }
    }

    #[test]
    fn each_problem_is_reported_in_one_sentence() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::hours(10);
        let long_ago = Some(OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(75));
        let queue = DeliveryQueue {
            subscriptions: vec![
                SubscriptionQueue { dead: 2, ..subscription("chat") },
                SubscriptionQueue {
                    waiting: 1,
                    oldest_waiting_at: long_ago,
                    down_since: long_ago,
                    ..subscription("ci")
                },
                subscription("good"),
                SubscriptionQueue { waiting: 1, oldest_waiting_at: long_ago, ..subscription("shop") },
                SubscriptionQueue {
                    waiting: 1,
                    oldest_waiting_at: long_ago,
                    paused_reason: Some("410".to_owned()),
                    ..subscription("tickets")
                },
            ],
            overdue: Some(Duration::from_secs(90)),
            ..DeliveryQueue::default()
        };
        let found: Vec<String> = problems(queue, now).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "nothing has been delivered for 90 s although something is due",
                "chat has 2 dead deliveries",
                "the handler of ci has been down since 1970-01-01 01:15 UTC",
                "a delivery of shop has been waiting since 1970-01-01 01:15 UTC",
                "tickets is paused (410)",
            ]
        );
    }

    #[test]
    fn a_queue_that_is_being_worked_on_has_no_problem() {
        let now = OffsetDateTime::now_utc();
        let busy = SubscriptionQueue { waiting: 5, oldest_waiting_at: Some(now), ..subscription("shop") };
        let queue = DeliveryQueue {
            subscriptions: vec![busy],
            fan_out_lag: 3,
            unmatched_since: Some(now),
            overdue: Some(Duration::from_mins(10)),
            idle_for: Some(Duration::from_secs(1)),
            ..DeliveryQueue::default()
        };
        assert_eq!(problems(queue, now), []);
        // Without a subscription, nothing has to be delivered.
        let nothing = DeliveryQueue { unmatched_since: Some(OffsetDateTime::UNIX_EPOCH), ..DeliveryQueue::default() };
        assert_eq!(problems(nothing, now), []);
    }
}
