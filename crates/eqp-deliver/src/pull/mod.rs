//! Messages that consumers fetch. A fetched message is leased: it is fetched again unless it is acknowledged in time.

mod ack_id;
mod error;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{
    ANSWER, AckedDelivery, DeliveryReport, LaneReport, LeasedLane, Nack as StoredNack, NewAttempt, NextAttempt,
    ReconcileRequests, WaitingDelivery, delivery_lane, delivery_report, instance, pull, subscription, within,
};
use eqp_store::sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub use ack_id::{AckId, AckIdError};
pub use error::PullError;

use crate::message::plain_description;
use crate::queue::{MessageSource, Messages, Prepared, WAITS, set_aside};
use crate::subscription::Subscription;
use crate::{DescribeAlert, DescribeProduct, Message, ProductSource};

/// The interval at which a consumer that waits looks for messages.
const POLL: Duration = Duration::from_millis(250);

/// Fetches the messages of subscriptions with the handler [`HandlerDefinition::Pull`](crate::HandlerDefinition::Pull). Cheap to clone.
///
/// Any number of consumers share the messages of one subscription. The messages about one resource are fetched in order: the next one after
/// the previous one was acknowledged.
///
/// ```no_run
/// use eqp_deliver::{Fetch, Pull};
///
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_deliver::PullError> {
/// let pull = Pull::new(pool);
/// let fetched = pull.fetch("ci", &Fetch::default()).await?;
/// for one in &fetched.messages {
///     println!("{}", one.message.json());
///     pull.ack("ci", &[one.ack_id]).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pull {
    pool: PgPool,
    describe: DescribeAlert,
    describe_product: DescribeProduct,
    instance: Arc<OnceCell<Uuid>>,
}

/// How messages are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The maximum number of messages.
    pub max_messages: usize,
    /// The time to wait for the first message.
    pub max_wait: Duration,
    /// The time after which a message is fetched again, unless it is acknowledged.
    pub lease: Duration,
}

impl Default for Fetch {
    /// Up to 10 messages, without waiting, leased for a minute.
    fn default() -> Self {
        Self { max_messages: 10, max_wait: Duration::ZERO, lease: Duration::from_mins(1) }
    }
}

/// Fetched messages, and the state of their subscription.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fetched {
    /// The messages. Each is about another resource.
    pub messages: Vec<FetchedMessage>,
    /// The subscription is paused: nothing is fetched until it is resumed.
    pub is_paused: bool,
    /// The number of recorded events that are not matched against the subscriptions yet. It stays above 0 if no process delivers.
    pub unmatched_events: u64,
}

/// A fetched message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FetchedMessage {
    /// Acknowledges this message.
    pub ack_id: AckId,
    /// The number of times that it was fetched or failed, including this one.
    pub attempt: u32,
    /// The message.
    pub message: Message,
}

/// The consequence when a consumer returns a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nack {
    /// It is fetched again after the waits of a failed webhook: 5 seconds, 5 minutes and so on. After the tenth time, it is dead.
    #[default]
    Scheduled,
    /// It is fetched again after this time.
    After(Duration),
    /// It is dead: an operator can have it delivered again.
    Dead,
}

impl fmt::Debug for Pull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull").finish_non_exhaustive()
    }
}

impl Pull {
    /// Fetches messages from this database.
    pub fn new(pool: PgPool) -> Self {
        let describe_product: DescribeProduct = Arc::new(|_, _| ProductSource::default());
        Self { pool, describe: plain_description(), describe_product, instance: Arc::default() }
    }

    /// Sets where the source code of products is, as for [`DeliverService`](crate::DeliverService::describe_products).
    #[must_use]
    pub fn describe_products(mut self, describe: DescribeProduct) -> Self {
        self.describe_product = describe;
        self
    }

    /// Sets how alerts are described in messages, as for [`DeliverService`](crate::DeliverService::describe_alerts).
    #[must_use]
    pub fn describe_alerts(mut self, describe: DescribeAlert) -> Self {
        self.describe = describe;
        self
    }

    /// Waits for messages and leases them. Returns none if there are none in time, or if the subscription is paused.
    ///
    /// # Errors
    ///
    /// Returns [`PullError::NotFound`], [`PullError::NotFetched`], [`PullError::NoInstance`], or [`PullError::Store`] if a query fails.
    pub async fn fetch(&self, name: &str, fetch: &Fetch) -> Result<Fetched, PullError> {
        let subscription = self.subscription(name).await?;
        within(ANSWER, pull::record_use(&self.pool, subscription.id)).await?;
        let end = Instant::now() + fetch.max_wait;
        loop {
            let state = within(ANSWER, pull::state(&self.pool, subscription.id)).await?;
            let state = state.ok_or_else(|| PullError::NotFound { name: name.to_owned() })?;
            let mut messages = Vec::new();
            if state.has_due && !state.is_paused {
                messages = self.lease(&subscription, fetch).await?;
            }
            let now = Instant::now();
            if !messages.is_empty() || now >= end {
                return Ok(Fetched { messages, is_paused: state.is_paused, unmatched_events: state.unmatched });
            }
            sleep(POLL.min(end - now)).await;
        }
    }

    /// Acknowledges messages, which are then not fetched again. Returns how many were not acknowledged before; repeating it is not an
    /// error.
    ///
    /// # Errors
    ///
    /// Returns [`PullError::OtherSubscription`], and the errors of [`fetch`](Self::fetch).
    pub async fn ack(&self, name: &str, messages: &[AckId]) -> Result<u64, PullError> {
        let subscription = self.subscription(name).await?;
        let acked = acked(&subscription, messages)?;
        Ok(within(ANSWER, pull::ack(&self.pool, subscription.id, &acked)).await?)
    }

    /// Returns messages that could not be processed, for the reason `note`. Returns how many of them were still leased; the others are
    /// fetched again anyway.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ack`](Self::ack).
    pub async fn nack(&self, name: &str, messages: &[AckId], nack: Nack, note: Option<&str>) -> Result<u64, PullError> {
        let subscription = self.subscription(name).await?;
        let nacked = acked(&subscription, messages)?;
        let follows = match nack {
            Nack::Scheduled => StoredNack::Scheduled(WAITS.to_vec()),
            Nack::After(wait) => StoredNack::After(wait),
            Nack::Dead => StoredNack::Dead,
        };
        let hold = subscription.order_hold;
        Ok(within(ANSWER, pull::nack(&self.pool, subscription.id, &nacked, &follows, hold, note)).await?)
    }

    /// Returns a subscription whose messages are fetched.
    async fn subscription(&self, name: &str) -> Result<Subscription, PullError> {
        let found = within(ANSWER, async {
            let mut connection = self.pool.acquire().await?;
            subscription::find(&mut connection, name).await
        });
        let stored = found.await?.ok_or_else(|| PullError::NotFound { name: name.to_owned() })?;
        // What this version cannot read, a newer one has defined for its own handlers.
        let readable = Subscription::of_stored(&stored).ok().filter(|subscription| !subscription.is_sent());
        readable.ok_or_else(|| PullError::NotFetched { name: name.to_owned() })
    }

    /// Leases what is due, and returns what can be delivered of it.
    async fn lease(&self, subscription: &Subscription, fetch: &Fetch) -> Result<Vec<FetchedMessage>, PullError> {
        let source = self.source().await?;
        let rooms = [(subscription.id, fetch.max_messages)];
        let fetched_at = ack_id::milliseconds(OffsetDateTime::now_utc());
        let lanes = within(ANSWER, delivery_lane::lease(&self.pool, &rooms, fetch.lease)).await?;
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_lane: HashMap<_, Vec<WaitingDelivery>> = HashMap::new();
        for head in within(ANSWER, delivery_lane::heads(&self.pool, &lanes)).await? {
            by_lane.entry(head.lane).or_default().push(head);
        }
        let mut first = Vec::new();
        let mut report = DeliveryReport::default();
        for lane in lanes {
            let mut deliveries = by_lane.remove(&lane.lane).unwrap_or_default();
            if let Some(wait) = set_aside(&self.pool, &mut deliveries).await? {
                report.lanes.push(LaneReport { lane, last_id: 0, next: NextAttempt::After(wait) });
                continue;
            }
            match deliveries.into_iter().next() {
                Some(delivery) => first.push((lane, delivery)),
                None => report.lanes.push(LaneReport { lane, last_id: lane.tail_id, next: NextAttempt::AtOnce }),
            }
        }
        // Leased lanes have no order.
        first.sort_by_key(|(_, delivery)| delivery.id);
        let deliveries: Vec<WaitingDelivery> = first.iter().map(|(_, delivery)| delivery.clone()).collect();
        let contents = Messages::load(&source, &deliveries).await?;
        let mut messages = Vec::new();
        for (lane, delivery) in first {
            match contents.prepare(subscription, &delivery) {
                Prepared::Send(message) => messages.push(fetched(&lane, &delivery, *message, fetched_at)),
                Prepared::Skip(reason) => skip(&mut report, lane, &delivery, reason),
                Prepared::Wait(wait) => {
                    report.lanes.push(LaneReport { lane, last_id: 0, next: NextAttempt::After(wait) });
                }
            }
        }
        self.report(&report).await?;
        Ok(messages)
    }

    async fn report(&self, report: &DeliveryReport) -> Result<(), Error> {
        if report.lanes.is_empty() {
            return Ok(());
        }
        within(ANSWER, async {
            let mut connection = self.pool.acquire().await?;
            delivery_report::report(&mut connection, report).await
        })
        .await
    }

    async fn source(&self) -> Result<MessageSource, PullError> {
        let instance = self.instance.get_or_try_init(|| async {
            let stored = within(ANSWER, async {
                let mut connection = self.pool.acquire().await?;
                instance::id(&mut connection).await
            });
            stored.await?.ok_or(PullError::NoInstance)
        });
        Ok(MessageSource {
            pool: self.pool.clone(),
            instance: *instance.await?,
            describe: Arc::clone(&self.describe),
            describe_product: Arc::clone(&self.describe_product),
            // A process that reconciles looks for missing details regularly.
            requests: ReconcileRequests::default(),
        })
    }
}

fn fetched(lane: &LeasedLane, delivery: &WaitingDelivery, message: Message, fetched_at: i64) -> FetchedMessage {
    let ack_id = AckId {
        subscription: lane.subscription,
        delivery: delivery.id,
        lane: lane.lane,
        lease: lane.lease,
        fetched_at,
    };
    FetchedMessage { ack_id, attempt: delivery.attempts.saturating_add(lane.lost).saturating_add(1), message }
}

/// Ends a delivery that need not be delivered.
fn skip(report: &mut DeliveryReport, lane: LeasedLane, delivery: &WaitingDelivery, reason: String) {
    report.done.push(delivery.id);
    report.attempts.push(NewAttempt {
        delivery: delivery.id,
        subscription: delivery.subscription,
        source: delivery.source,
        event_seq: delivery.event_seq,
        duration: Duration::ZERO,
        result: "skipped",
        status: None,
        note: Some(reason),
    });
    report.lanes.push(LaneReport { lane, last_id: delivery.id, next: NextAttempt::AtOnce });
}

/// Returns each delivery once. Fails if one of them is not of this subscription.
fn acked(subscription: &Subscription, messages: &[AckId]) -> Result<Vec<AckedDelivery>, PullError> {
    if messages.iter().any(|id| id.subscription != subscription.id) {
        return Err(PullError::OtherSubscription { name: subscription.name.clone() });
    }
    let mut acked: Vec<AckedDelivery> = messages.iter().map(AckId::acked).collect();
    acked.sort_by_key(|one| one.delivery);
    acked.dedup_by_key(|one| one.delivery);
    Ok(acked)
}
