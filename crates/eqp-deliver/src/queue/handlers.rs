//! The subscriptions of a worker, with their handlers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eqp_store::internal::{ANSWER, SubscriptionId, subscription, within};
use eqp_store::sqlx::PgPool;
use eqp_store::{Error, MasterKey};

use super::pace::Pace;
use crate::subscription::{Subscription, open_secrets};
use crate::{DefinitionError, DeliveryHandler, HandlerDefinition, HandlerSecrets};

/// Builds the handler of a subscription from its definition and secrets. The text of an error is shown to operators.
pub type BuildHandler =
    Arc<dyn Fn(&HandlerDefinition, &HandlerSecrets) -> Result<Arc<dyn DeliveryHandler>, DefinitionError> + Send + Sync>;

/// A handler, or the reason why it cannot be built.
pub(super) type Built = Result<Arc<dyn DeliveryHandler>, String>;

/// A subscription that a worker uses.
pub(super) struct Active {
    pub(super) subscription: Subscription,
    /// Built when the first delivery is sent.
    handler: Option<Built>,
    /// Its lanes stop before the next delivery: the circuit breaker is open, or the subscription is paused.
    pub(super) is_stopped: Arc<AtomicBool>,
    /// Set while the handler recovers.
    pub(super) pace: Option<Arc<Pace>>,
    /// Lanes that are being sent.
    pub(super) in_flight: usize,
}

/// The subscriptions of a worker.
pub(super) struct Handlers {
    pool: PgPool,
    key: MasterKey,
    build: BuildHandler,
    generation: Option<i64>,
    active: HashMap<SubscriptionId, Active>,
}

impl Handlers {
    pub(super) fn new(pool: PgPool, key: MasterKey, build: BuildHandler) -> Self {
        Self { pool, key, build, generation: None, active: HashMap::new() }
    }

    /// Loads the subscriptions again if they have changed. Those with the same definition keep their handler.
    pub(super) async fn refresh(&mut self, generation: i64) -> Result<(), Error> {
        if self.generation == Some(generation) {
            return Ok(());
        }
        self.reload().await?;
        self.generation = Some(generation);
        Ok(())
    }

    /// Loads the subscriptions again.
    pub(super) async fn reload(&mut self) -> Result<(), Error> {
        let stored = within(ANSWER, async {
            let mut connection = self.pool.acquire().await?;
            subscription::list(&mut connection).await
        })
        .await?;
        let mut earlier = std::mem::take(&mut self.active);
        for stored in stored {
            // The fan-out pauses what cannot be read.
            let Ok(subscription) = Subscription::of_stored(&stored) else { continue };
            let id = subscription.id;
            let active = match earlier.remove(&id) {
                Some(active) if active.subscription.updated_at == subscription.updated_at => {
                    // A paused subscription may have been paused because of its handler: it is built again.
                    let handler = active.handler.filter(|_| stored.paused_at.is_none());
                    Active { subscription, handler, ..active }
                }
                changed => Active {
                    subscription,
                    handler: None,
                    is_stopped: Arc::default(),
                    pace: None,
                    in_flight: changed.map_or(0, |active| active.in_flight),
                },
            };
            active.is_stopped.store(stored.paused_at.is_some(), Ordering::Relaxed);
            self.active.insert(id, active);
        }
        Ok(())
    }

    pub(super) fn get(&self, id: SubscriptionId) -> Option<&Active> {
        self.active.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Active> {
        self.active.get_mut(&id)
    }

    /// Returns the handler of a subscription, or `None` if the subscription does not exist.
    pub(super) async fn handler(&mut self, id: SubscriptionId) -> Result<Option<Built>, Error> {
        let Some(active) = self.active.get_mut(&id) else { return Ok(None) };
        if let Some(handler) = &active.handler {
            return Ok(Some(handler.clone()));
        }
        let sealed = within(ANSWER, async {
            let mut connection = self.pool.acquire().await?;
            subscription::secrets(&mut connection, id).await
        })
        .await?;
        let Subscription { name, handler: definition, .. } = &active.subscription;
        let built = match open_secrets(&self.key, name, definition, sealed)? {
            Some(secrets) => (self.build)(definition, &secrets).map_err(|error| error.to_string()),
            None => {
                Err("its secrets cannot be decrypted with this master key; create the subscription again".to_owned())
            }
        };
        active.handler = Some(built.clone());
        Ok(Some(built))
    }
}
