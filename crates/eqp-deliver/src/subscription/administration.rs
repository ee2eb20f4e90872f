//! Creates, lists, pauses, resumes, tests and removes subscriptions.

use std::time::Duration;

use eqp_store::MasterKey;
use eqp_store::internal::{
    ANSWER, DeliveryCounts, StoredSubscription, SubscriptionId, SubscriptionState, subscription, within,
};
use eqp_store::sqlx::PgPool;
use time::OffsetDateTime;

use super::declared::{Declaration, DeclaringFile};
use super::new_subscription::not_found;
use super::{Fallback, NewSubscription, OrderHold, SubscriptionChanges, SubscriptionError, SubscriptionFilter};
use crate::HandlerDefinition;

/// A subscription and the state of its deliveries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubscriptionSummary {
    /// The name.
    pub name: String,
    /// The events that it receives, or `None` if a newer version has defined it.
    pub filter: Option<SubscriptionFilter>,
    /// How they are delivered, or `None` if a newer version has defined it.
    pub handler: Option<HandlerDefinition>,
    /// Whether the events of a resource are delivered in order while one of them fails.
    pub order_hold: OrderHold,
    /// The subscription for which it is the fallback.
    pub fallback: Option<Fallback>,
    /// The file that declares it.
    pub declared_by: Option<String>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// Since when it has been paused.
    pub paused_at: Option<OffsetDateTime>,
    /// The reason of the pause.
    pub paused_reason: Option<String>,
    /// It was paused, and has not delivered all events of that time yet.
    pub is_catching_up: bool,
    /// Since when the handler has been down.
    pub failing_since: Option<OffsetDateTime>,
    /// When the handler is tried again. No other attempts are made until then.
    pub open_until: Option<OffsetDateTime>,
    /// Deliveries that are waiting.
    pub waiting: u64,
    /// Events that were recorded while it was paused, and are not compared with its filter yet. They are not counted as waiting.
    pub unmatched: u64,
    /// Deliveries that failed for good.
    pub dead: u64,
    /// When the oldest waiting delivery was created.
    pub oldest_waiting_at: Option<OffsetDateTime>,
    /// It is removed when no consumer has fetched messages for 7 days.
    pub is_temporary: bool,
    /// When a consumer last fetched messages, to the minute.
    pub fetched_at: Option<OffsetDateTime>,
}

/// Administers the subscriptions of a database.
///
/// Every method returns [`SubscriptionError::Store`] if a query fails or takes longer than a minute, and those that have a name as
/// argument return [`SubscriptionError::NotFound`] if it does not exist.
///
/// ```no_run
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), eqp_deliver::SubscriptionError> {
/// for subscription in eqp_deliver::Subscriptions::new(pool).list().await? {
///     println!("{}: {} waiting", subscription.name, subscription.waiting);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Subscriptions {
    pool: PgPool,
}

impl Subscriptions {
    /// Creates an administration that uses an existing connection pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Creates a subscription, which receives the events that are recorded from now on. Its secrets are sealed under `key`.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Name`], [`SubscriptionError::NameInUse`], [`SubscriptionError::Filter`] or
    /// [`SubscriptionError::Fallback`].
    pub async fn add(&self, new: &NewSubscription, key: Option<&MasterKey>) -> Result<(), SubscriptionError> {
        self.change(async |mut changes| changes.add(new, key).await).await
    }

    /// Makes the subscriptions those that a file declares: creates and changes them, and pauses those that the file has declared before
    /// and no longer does. Repeating it changes nothing. Declarations that cannot be applied are reported, and the others are applied.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Store`]. Nothing was changed then.
    pub async fn declare(
        &self,
        file: &str,
        declared: &[NewSubscription],
        key: &MasterKey,
    ) -> Result<Declaration, SubscriptionError> {
        DeclaringFile { pool: &self.pool, file, key }.apply(declared).await
    }

    /// Returns all subscriptions, ordered by name.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Store`].
    pub async fn list(&self) -> Result<Vec<SubscriptionSummary>, SubscriptionError> {
        let mut summaries = Vec::new();
        for stored in self.stored().await? {
            let counts = within(ANSWER, subscription::counts(&self.pool, stored.id)).await?;
            summaries.push(summary(stored, counts));
        }
        Ok(summaries)
    }

    /// Returns one subscription.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`].
    pub async fn find(&self, name: &str) -> Result<SubscriptionSummary, SubscriptionError> {
        let stored = self.by_name(name).await?;
        let counts = within(ANSWER, subscription::counts(&self.pool, stored.id)).await?;
        Ok(summary(stored, counts))
    }

    /// Pauses a subscription. Its events are delivered after it is resumed. Returns false if it was paused already.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`].
    pub async fn pause(&self, name: &str, reason: &str) -> Result<bool, SubscriptionError> {
        self.change(async |mut changes| changes.pause(name, reason).await).await
    }

    /// Resumes a subscription: it delivers the events that were recorded while it was paused. Returns false if it was not paused.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`].
    pub async fn resume(&self, name: &str) -> Result<bool, SubscriptionError> {
        self.change(async |mut changes| changes.resume(name).await).await
    }

    /// Removes a subscription and its deliveries.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`], and [`SubscriptionError::Declared`] if a file declares it.
    pub async fn remove(&self, name: &str) -> Result<(), SubscriptionError> {
        self.change(async |mut changes| changes.remove(name).await).await
    }

    /// Requests a test message, which a worker sends once, even if the subscription is paused, but not after `expires_in`. Returns the ID
    /// of its delivery, under which the attempt is recorded.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`], and [`SubscriptionError::NothingToTest`] if its deliveries are fetched.
    pub async fn test(&self, name: &str, expires_in: Duration) -> Result<i64, SubscriptionError> {
        self.change(async |mut changes| changes.test(name, expires_in).await).await
    }

    /// Makes a change in a transaction.
    async fn change<T>(
        &self,
        change: impl AsyncFnOnce(SubscriptionChanges<'_>) -> Result<T, SubscriptionError>,
    ) -> Result<T, SubscriptionError> {
        let mut transaction = within(ANSWER, self.pool.begin()).await?;
        let changed = change(SubscriptionChanges::new(&mut transaction)).await?;
        within(ANSWER, transaction.commit()).await?;
        Ok(changed)
    }

    /// Returns the number of a subscription.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`].
    #[doc(hidden)]
    pub async fn id(&self, name: &str) -> Result<SubscriptionId, SubscriptionError> {
        Ok(self.by_name(name).await?.id)
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) async fn by_name(&self, name: &str) -> Result<StoredSubscription, SubscriptionError> {
        let found = within(ANSWER, async {
            let mut connection = self.pool.acquire().await?;
            subscription::find(&mut connection, name).await
        });
        found.await?.ok_or_else(|| not_found(name))
    }

    async fn stored(&self) -> Result<Vec<StoredSubscription>, eqp_store::Error> {
        within(ANSWER, async {
            let mut connection = self.pool.acquire().await?;
            subscription::list(&mut connection).await
        })
        .await
    }
}

fn summary(stored: StoredSubscription, counts: DeliveryCounts) -> SubscriptionSummary {
    let is_active = stored.state == SubscriptionState::Active;
    SubscriptionSummary {
        filter: serde_json::from_str(&stored.filter).ok(),
        handler: serde_json::from_str(&stored.handler).ok(),
        name: stored.name,
        order_hold: stored.order_hold.map_or(OrderHold::Strict, OrderHold::For),
        fallback: stored.fallback.map(|fallback| Fallback { subscription: fallback.name, after: fallback.after }),
        declared_by: stored.declared_by,
        created_at: stored.created_at,
        paused_at: stored.paused_at,
        paused_reason: stored.paused_reason,
        is_catching_up: is_active && stored.cursor_seq.is_some(),
        failing_since: stored.failing_since,
        open_until: stored.open_until.filter(|_| is_active),
        waiting: counts.waiting,
        unmatched: stored.unmatched,
        dead: counts.dead,
        oldest_waiting_at: counts.oldest_waiting_at,
        is_temporary: stored.is_temporary,
        fetched_at: stored.fetched_at,
    }
}
