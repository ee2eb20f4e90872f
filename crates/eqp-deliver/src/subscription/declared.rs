//! Subscriptions that are declared in a file, which then owns them.

use std::collections::BTreeMap;

use eqp_store::MasterKey;
use eqp_store::internal::{
    ANSWER, NewSubscription as NewRow, StoredSubscription, SubscriptionId, declared_subscription, subscription, within,
};
use eqp_store::sqlx::{self, PgConnection, PgPool};

use super::new_subscription::row;
use super::{NewSubscription, Subscription, SubscriptionError, secrets};

/// The changes that were made so that the subscriptions are those of a file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Declaration {
    /// The names of the subscriptions that were created.
    pub created: Vec<String>,
    /// The names of those whose definition or secrets have changed. Their waiting deliveries stay.
    pub changed: Vec<String>,
    /// The names of those that the file no longer declares, and that were therefore paused.
    pub paused: Vec<String>,
    /// The declarations that were not applied.
    pub problems: Vec<SubscriptionError>,
}

/// A file that declares subscriptions.
pub(super) struct DeclaringFile<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) file: &'a str,
    pub(super) key: &'a MasterKey,
}

/// The subscriptions of the database by name, as far as they are known in a transaction.
type Known = BTreeMap<String, StoredSubscription>;

impl DeclaringFile<'_> {
    /// Makes the subscriptions of the database those of the file, in one transaction. Several processes do this one after another.
    pub(super) async fn apply(&self, declared: &[NewSubscription]) -> Result<Declaration, SubscriptionError> {
        let mut transaction = within(ANSWER, self.pool.begin()).await?;
        let connection = &mut *transaction;
        within(ANSWER, declared_subscription::lock(connection)).await?;
        let mut known = within(ANSWER, known(connection)).await?;
        let mut declaration = Declaration::default();
        for new in in_order(declared) {
            match self.apply_one(connection, &mut known, new, declared, &mut declaration).await {
                Ok(()) => {}
                Err(SubscriptionError::Store(error)) => return Err(error.into()),
                Err(problem) => declaration.problems.push(problem),
            }
        }
        let is_gone = |stored: &&StoredSubscription| {
            stored.declared_by.as_deref() == Some(self.file) && !declared.iter().any(|new| new.name == stored.name)
        };
        for stored in known.values().filter(is_gone).filter(|stored| stored.paused_at.is_none()) {
            within(ANSWER, subscription::pause(&mut *connection, stored.id, &self.reason(), false)).await?;
            declaration.paused.push(stored.name.clone());
        }
        if !(declaration.created.is_empty() && declaration.changed.is_empty() && declaration.paused.is_empty()) {
            within(ANSWER, declared_subscription::publish(connection)).await?;
        }
        within(ANSWER, transaction.commit()).await?;
        Ok(declaration)
    }

    /// The reason of the pause of a subscription that the file no longer declares.
    fn reason(&self) -> String {
        let reason = format!("{} no longer declares it", self.file);
        reason.chars().take(500).collect()
    }

    async fn apply_one(
        &self,
        connection: &mut PgConnection,
        known: &mut Known,
        new: &NewSubscription,
        declared: &[NewSubscription],
        declaration: &mut Declaration,
    ) -> Result<(), SubscriptionError> {
        let stored = known.get(&new.name);
        if stored.is_some_and(|stored| stored.declared_by.is_none()) {
            return Err(SubscriptionError::NotDeclared { name: new.name.clone() });
        }
        let fallback_of = |name: &str| match declared.iter().find(|new| new.name == name) {
            Some(new) => new.fallback.as_ref().map(|fallback| fallback.subscription.clone()),
            None => known.get(name)?.fallback.as_ref().map(|fallback| fallback.name.clone()),
        };
        refuse_cycle(new, fallback_of)?;
        let mut row = row(new, known.values())?;
        row.declared_by = Some(self.file.to_owned());
        let Some(stored) = stored else {
            let sealed = secrets::seal(self.key, &new.name, &new.handler, &new.secrets)?;
            within(ANSWER, subscription::insert_locked(connection, &row, sealed.as_ref())).await?;
            declaration.created.push(new.name.clone());
            *known = within(ANSWER, self::known(connection)).await?;
            return Ok(());
        };
        let (id, was_undeclared) = (stored.id, stored.paused_reason == Some(self.reason()));
        let is_changed = !is_same(stored, &row, new) || !self.has_same_secrets(connection, id, new).await?;
        if is_changed {
            let sealed = secrets::seal(self.key, &new.name, &new.handler, &new.secrets)?;
            within(ANSWER, declared_subscription::update(connection, id, &row, sealed.as_ref())).await?;
        }
        // A subscription that the program paused because of its definition may work with the new one.
        let is_resumed = was_undeclared || (is_changed && stored.is_paused_by_program);
        if is_resumed {
            within(ANSWER, subscription::resume(&mut *connection, id)).await?;
        }
        if is_changed || is_resumed {
            declaration.changed.push(new.name.clone());
            *known = within(ANSWER, self::known(connection)).await?;
        }
        Ok(())
    }

    async fn has_same_secrets(
        &self,
        connection: &mut PgConnection,
        id: SubscriptionId,
        new: &NewSubscription,
    ) -> Result<bool, SubscriptionError> {
        let sealed = within(ANSWER, subscription::secrets(&mut *connection, id)).await?;
        // Those that cannot be opened are sealed again.
        let Some(stored) = secrets::open(self.key, &new.name, &new.handler, sealed)? else { return Ok(false) };
        Ok(stored.is_same(&new.secrets))
    }
}

async fn known(connection: &mut PgConnection) -> Result<Known, sqlx::Error> {
    let stored = subscription::list(connection).await?;
    Ok(stored.into_iter().map(|one| (one.name.clone(), one)).collect())
}

/// Returns the subscriptions so that each follows the one whose fallback it is.
fn in_order(declared: &[NewSubscription]) -> Vec<&NewSubscription> {
    let depth = |new: &NewSubscription| {
        let mut names = Vec::new();
        let mut next = new.fallback.as_ref();
        while let Some(fallback) = next.filter(|fallback| !names.contains(&fallback.subscription.as_str())) {
            names.push(fallback.subscription.as_str());
            let first = declared.iter().find(|one| one.name == fallback.subscription);
            next = first.and_then(|first| first.fallback.as_ref());
        }
        names.len()
    };
    let mut ordered: Vec<&NewSubscription> = declared.iter().collect();
    ordered.sort_by_cached_key(|new| depth(new));
    ordered
}

/// Fails if a subscription would be a fallback of its own fallback.
fn refuse_cycle(new: &NewSubscription, fallback_of: impl Fn(&str) -> Option<String>) -> Result<(), SubscriptionError> {
    let mut seen = vec![new.name.clone()];
    let mut next = fallback_of(&new.name);
    while let Some(name) = next {
        if seen.contains(&name) {
            let first = new.fallback.as_ref().map_or("", |fallback| &fallback.subscription);
            return Err(SubscriptionError::fallback(&new.name, first, "they would be fallbacks of each other"));
        }
        next = fallback_of(&name);
        seen.push(name);
    }
    Ok(())
}

/// Returns whether a stored definition is the declared one.
fn is_same(stored: &StoredSubscription, row: &NewRow, new: &NewSubscription) -> bool {
    let fallback = stored.fallback.as_ref().map(|fallback| (fallback.subscription, fallback.after));
    let definition = Subscription::of_stored(stored).ok();
    definition.is_some_and(|stored| stored.filter == new.effective_filter() && stored.handler == new.handler)
        && (stored.order_hold, fallback, &stored.declared_by) == (row.order_hold, row.fallback, &row.declared_by)
}
