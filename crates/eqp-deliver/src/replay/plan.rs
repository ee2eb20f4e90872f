//! The plan of a replay: which events it delivers, and to which subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use eqp_store::Event;
use eqp_store::internal::{StoredSubscription, SubscriptionId, SubscriptionState, replay, subscription};
use eqp_store::sqlx::{self, PgConnection};

use super::{ReplayError, ReplaySelection, may_receive};
use crate::SubscriptionError;
use crate::matching::match_replayed;
use crate::subscription::Subscription;

/// The maximum number of event numbers in a selection.
const MAX_SEQS: usize = 1_000;
/// The number of events that are matched at a time.
const PAGE: u32 = 5_000;
/// The number of events that a plan contains.
const SHOWN: usize = 20;

/// The events that a replay would deliver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplayPlan {
    /// The selected events.
    pub selection: ReplaySelection,
    /// The last event that is part of the replay. Later ones are new.
    pub up_to_seq: i64,
    /// The number of events that the selection matches.
    pub selected: u64,
    /// The number of these that at least one subscription receives.
    pub events: u64,
    /// The number of deliveries.
    pub deliveries: u64,
    /// The subscriptions that receive events, by name.
    pub subscriptions: Vec<PlannedSubscription>,
    /// The subscriptions that receive none because consumers fetch their messages: these are replayed only if they are the target.
    pub fetched: Vec<String>,
    /// The first 20 events that are delivered.
    pub first: Vec<Event>,
    pub(super) target: Option<(SubscriptionId, String)>,
}

/// A subscription that receives events of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedSubscription {
    /// The name.
    pub name: String,
    /// The number of events that it receives.
    pub deliveries: u64,
    /// It is paused, so it receives them after it is resumed.
    pub is_paused: bool,
}

/// Plans a replay of events up to a number, or up to the newest one.
pub(super) async fn plan(
    connection: &mut PgConnection,
    selection: &ReplaySelection,
    to: Option<&str>,
    newest: i64,
) -> Result<ReplayPlan, ReplayError> {
    if selection.events.len() > MAX_SEQS {
        return Err(ReplayError::TooManyEvents { count: selection.events.len(), most: MAX_SEQS });
    }
    let stored = subscription::list(connection).await.map_err(eqp_store::Error::from)?;
    let mut plan = ReplayPlan {
        selection: selection.clone(),
        up_to_seq: newest,
        selected: 0,
        events: 0,
        deliveries: 0,
        subscriptions: Vec::new(),
        fetched: Vec::new(),
        first: Vec::new(),
        target: None,
    };
    if let Some(name) = to {
        let target = stored.iter().find(|one| one.name == name);
        let target = target.ok_or_else(|| SubscriptionError::NotFound { name: name.chars().take(100).collect() })?;
        plan.target = Some((target.id, target.name.clone()));
    }
    let receiving = receiving(&stored, plan.target.as_ref().map(|(id, _)| *id))?;
    if plan.target.is_none() {
        let is_fetched = |one: &&StoredSubscription| Subscription::of_stored(one).is_ok_and(|one| !one.is_sent());
        plan.fetched = stored.iter().filter(is_fetched).map(|one| one.name.clone()).collect();
    }
    let receiving: Vec<&Subscription> = receiving.iter().collect();
    let mut counts = BTreeMap::new();
    let mut found = BTreeSet::new();
    count(connection, &mut plan, &receiving, &mut counts, &mut found).await.map_err(eqp_store::Error::from)?;
    let unknown: Vec<i64> = selection.events.iter().copied().filter(|seq| !found.contains(seq)).collect();
    if !unknown.is_empty() {
        return Err(ReplayError::UnknownEvents { seqs: unknown });
    }
    plan.subscriptions = stored
        .into_iter()
        .filter_map(|one| {
            let deliveries = *counts.get(&one.id)?;
            Some(PlannedSubscription { name: one.name, deliveries, is_paused: one.state == SubscriptionState::Paused })
        })
        .collect();
    Ok(plan)
}

/// Returns the subscriptions that may receive events.
fn receiving(stored: &[StoredSubscription], target: Option<SubscriptionId>) -> Result<Vec<Subscription>, ReplayError> {
    let mut receiving = Vec::new();
    for one in stored.iter().filter(|one| target.is_none_or(|target| target == one.id)) {
        match Subscription::of_stored(one) {
            Ok(subscription) if may_receive(&subscription, target) => receiving.push(subscription),
            Ok(_) => {}
            // Nothing is delivered to it anyway.
            Err(_) if target.is_none() && one.state == SubscriptionState::Paused => {}
            Err(_) => return Err(ReplayError::Unreadable),
        }
    }
    Ok(receiving)
}

/// Counts the events and deliveries.
async fn count(
    connection: &mut PgConnection,
    plan: &mut ReplayPlan,
    receiving: &[&Subscription],
    counts: &mut BTreeMap<SubscriptionId, u64>,
    found: &mut BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    let mut after = 0;
    loop {
        let filter = plan.selection.filter(after, plan.up_to_seq, PAGE);
        let events = replay::events(connection, &filter, &plan.selection.events).await?;
        let Some(last) = events.last() else { return Ok(()) };
        after = last.seq;
        let is_last_page = events.len() < PAGE as usize;
        plan.selected += events.len() as u64;
        if !plan.selection.events.is_empty() {
            found.extend(events.iter().map(|event| event.seq));
        }
        let mut delivered = BTreeSet::new();
        for delivery in match_replayed(connection, receiving, &events, 0).await? {
            plan.deliveries += 1;
            *counts.entry(delivery.subscription).or_default() += 1;
            delivered.insert(delivery.event_seq);
        }
        plan.events += delivered.len() as u64;
        let missing = SHOWN - plan.first.len();
        plan.first.extend(events.into_iter().filter(|event| delivered.contains(&event.seq)).take(missing));
        if is_last_page {
            return Ok(());
        }
    }
}
