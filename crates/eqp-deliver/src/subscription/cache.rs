//! The subscriptions of a process, which are loaded again when one of them has changed.

use std::sync::Arc;

use eqp_store::internal::{SubscriptionId, subscription};
use eqp_store::sqlx::{self, PgConnection};

use super::Subscription;

/// The subscriptions of one generation.
#[derive(Default)]
pub(crate) struct SubscriptionCache {
    cached: Option<(i64, Arc<[Subscription]>)>,
}

/// Subscriptions that this version cannot read, and why.
pub(crate) type Unreadable = Vec<(SubscriptionId, String)>;

impl SubscriptionCache {
    /// Returns the subscriptions of a generation. Fails with those that cannot be read, unless they are paused.
    pub(crate) async fn of(
        &mut self,
        connection: &mut PgConnection,
        generation: i64,
    ) -> Result<Result<Arc<[Subscription]>, Unreadable>, sqlx::Error> {
        if let Some((_, subscriptions)) = self.cached.as_ref().filter(|(cached, _)| *cached == generation) {
            return Ok(Ok(Arc::clone(subscriptions)));
        }
        let (mut subscriptions, mut unreadable) = (Vec::new(), Vec::new());
        for stored in subscription::list(connection).await? {
            match Subscription::of_stored(&stored) {
                Ok(subscription) => subscriptions.push(subscription),
                Err(_) if stored.paused_at.is_some() => {}
                Err(error) => unreadable.push((stored.id, error.to_string())),
            }
        }
        if !unreadable.is_empty() {
            return Ok(Err(unreadable));
        }
        let subscriptions: Arc<[Subscription]> = subscriptions.into();
        self.cached = Some((generation, Arc::clone(&subscriptions)));
        Ok(Ok(subscriptions))
    }
}
