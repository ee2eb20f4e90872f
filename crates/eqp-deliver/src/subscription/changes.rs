//! Changes of subscriptions in a transaction of the caller.

use std::time::Duration;

use eqp_store::MasterKey;
use eqp_store::internal::{ANSWER, StoredSubscription, delivery, subscription, within};
use eqp_store::sqlx::PgConnection;
use uuid::Uuid;

use super::new_subscription::{not_found, row};
use super::{NewSubscription, SubscriptionError, secrets};
use crate::HandlerDefinition;

/// Changes subscriptions in a transaction of the caller, who can thereby record a change together with it.
///
/// The methods return the same errors as those of [`Subscriptions`](crate::Subscriptions).
///
/// ```no_run
/// # async fn example(pool: eqp_store::sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let mut transaction = pool.begin().await?;
/// if eqp_deliver::SubscriptionChanges::new(&mut transaction).pause("shop", "a deployment").await? {
///     transaction.commit().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SubscriptionChanges<'c> {
    connection: &'c mut PgConnection,
}

impl<'c> SubscriptionChanges<'c> {
    /// Changes subscriptions in the transaction of this connection.
    pub fn new(connection: &'c mut PgConnection) -> Self {
        Self { connection }
    }

    /// Creates a subscription, which receives the events that are recorded from now on. Its secrets are sealed under `key`.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::Name`], [`SubscriptionError::NameInUse`], [`SubscriptionError::Filter`] or
    /// [`SubscriptionError::Fallback`].
    pub async fn add(&mut self, new: &NewSubscription, key: Option<&MasterKey>) -> Result<(), SubscriptionError> {
        new.check()?;
        let sealed = match key {
            Some(key) => secrets::seal(key, &new.name, &new.handler, &new.secrets)?,
            None => None,
        };
        let stored = match new.fallback {
            Some(_) => within(ANSWER, subscription::list(self.connection)).await?,
            None => Vec::new(),
        };
        let row = row(new, stored.iter())?;
        let id = within(ANSWER, subscription::insert(self.connection, &row, sealed.as_ref())).await?;
        id.map(|_| ()).ok_or_else(|| SubscriptionError::NameInUse { name: new.name.clone() })
    }

    /// Pauses a subscription. Returns false if it was paused already.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`].
    pub async fn pause(&mut self, name: &str, reason: &str) -> Result<bool, SubscriptionError> {
        let id = self.by_name(name).await?.id;
        Ok(within(ANSWER, subscription::pause(&mut *self.connection, id, reason, false)).await?)
    }

    /// Resumes a subscription. Returns false if it was not paused.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`].
    pub async fn resume(&mut self, name: &str) -> Result<bool, SubscriptionError> {
        let id = self.by_name(name).await?.id;
        Ok(within(ANSWER, subscription::resume(&mut *self.connection, id)).await?)
    }

    /// Removes a subscription and its deliveries.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`], and [`SubscriptionError::Declared`] if a file declares it and it is not paused: a file that
    /// no longer declares it has paused it.
    pub async fn remove(&mut self, name: &str) -> Result<(), SubscriptionError> {
        let stored = self.by_name(name).await?;
        if let Some(file) = stored.declared_by.filter(|_| stored.paused_at.is_none()) {
            return Err(SubscriptionError::Declared { name: stored.name, file });
        }
        let removed = within(ANSWER, subscription::remove(self.connection, stored.id)).await?;
        if removed { Ok(()) } else { Err(not_found(name)) }
    }

    /// Requests a test message, which a worker sends once, even if the subscription is paused, but not after `expires_in`. Returns the ID
    /// of its delivery, under which the attempt is recorded.
    ///
    /// # Errors
    ///
    /// Returns [`SubscriptionError::NotFound`], and [`SubscriptionError::NothingToTest`] if its deliveries are fetched.
    pub async fn test(&mut self, name: &str, expires_in: Duration) -> Result<i64, SubscriptionError> {
        let stored = self.by_name(name).await?;
        if serde_json::from_str::<HandlerDefinition>(&stored.handler)
            .is_ok_and(|handler| handler == HandlerDefinition::Pull)
        {
            return Err(SubscriptionError::NothingToTest { name: stored.name });
        }
        let test = delivery::insert_test(&mut *self.connection, stored.id, Uuid::new_v4(), expires_in);
        Ok(within(ANSWER, test).await?)
    }

    async fn by_name(&mut self, name: &str) -> Result<StoredSubscription, SubscriptionError> {
        let found = within(ANSWER, subscription::find(self.connection, name)).await?;
        found.ok_or_else(|| not_found(name))
    }
}
