//! Turns the results of lanes into what is recorded: what is finished, when the others are due, and the state of the circuit breakers.

use std::collections::BTreeMap;

use eqp_store::internal::{
    BreakerChange, DeliveryReport, DeliveryResult, DeliverySource, LaneReport, NewAttempt, NextAttempt, StoredBreaker,
    SubscriptionId, delivery_report, subscription,
};
use eqp_store::sqlx::{self, PgPool};

use super::breaker::{Breaker, Effect, Signal, uncounted_wait};
use super::lane::{Ended, LaneResult};
use super::retry_schedule::{AfterFailure, after_failure, retry_after};
use crate::AttemptOutcome;
use crate::subscription::Subscription;

/// The effect of recorded results on a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consequence {
    pub(super) subscription: SubscriptionId,
    pub(super) is_open: bool,
    pub(super) has_recovered: bool,
    /// The subscription must be paused for this reason.
    pub(super) pause: Option<String>,
}

/// The effects of recorded results.
pub(super) struct Recorded {
    pub(super) consequences: Vec<Consequence>,
    /// The result of each delivery.
    pub(super) results: Vec<DeliveryResult>,
}

/// The state of the circuit breakers of a batch of results.
type Effects = BTreeMap<SubscriptionId, Effect>;

/// Records results in one transaction. Recording the same results again, because it was not known whether that succeeded, changes nothing
/// but the log of attempts.
pub(super) async fn record<'a>(
    pool: &PgPool,
    results: &[LaneResult],
    subscription_of: impl Fn(SubscriptionId) -> Option<&'a Subscription>,
) -> Result<Recorded, sqlx::Error> {
    let signals = signals(results);
    let mut transaction = pool.begin().await?;
    let ids = |has_failed: bool| -> Vec<SubscriptionId> {
        let is_down = |signals: &Vec<Signal>| signals.iter().any(|signal| *signal != Signal::Up);
        signals.iter().filter(|(_, signals)| is_down(signals) == has_failed).map(|(id, _)| *id).collect()
    };
    let breakers = subscription::lock_breakers(&mut transaction, &ids(true), &ids(false)).await?;
    let effects: Effects = breakers
        .iter()
        .map(|stored| (stored.subscription, breaker(stored).apply(&signals[&stored.subscription])))
        .collect();
    let hold = |id| subscription_of(id).map_or(Some(std::time::Duration::ZERO), |subscription| subscription.order_hold);
    let (report, recorded) = report(results, &effects, hold);
    delivery_report::report(&mut transaction, &report).await?;
    let changes: Vec<BreakerChange> = effects
        .iter()
        .map(|(subscription, effect)| BreakerChange {
            subscription: *subscription,
            failures: effect.failures,
            open_for: effect.open_for,
            has_recovered: effect.has_recovered,
        })
        .collect();
    if !changes.is_empty() {
        subscription::change_breakers(&mut transaction, &changes).await?;
    }
    transaction.commit().await?;
    Ok(Recorded { consequences: consequences(results, &effects), results: recorded })
}

fn breaker(stored: &StoredBreaker) -> Breaker {
    Breaker { failures: stored.failures, failing_for: stored.failing_for, is_open: stored.is_open }
}

/// Returns what the attempts say about each handler, in the order in which they ended.
fn signals(results: &[LaneResult]) -> BTreeMap<SubscriptionId, Vec<Signal>> {
    let mut attempts: Vec<&Ended> =
        results.iter().flat_map(|result| &result.ended).filter(|ended| signal(ended).is_some()).collect();
    attempts.sort_by_key(|ended| (ended.at, ended.delivery.id));
    let mut signals: BTreeMap<SubscriptionId, Vec<Signal>> = BTreeMap::new();
    for ended in attempts {
        signals.entry(ended.delivery.subscription).or_default().extend(signal(ended));
    }
    signals
}

/// Returns what an attempt says about the handler. `None`: nothing was sent. A failed test does not close a subscription.
fn signal(ended: &Ended) -> Option<Signal> {
    match &ended.result.outcome {
        AttemptOutcome::Skipped | AttemptOutcome::Misconfigured(_) | AttemptOutcome::Gone => None,
        AttemptOutcome::HandlerDown { .. } if ended.delivery.source == DeliverySource::Test => None,
        AttemptOutcome::HandlerDown { retry_after } => Some(Signal::Down { retry_after: *retry_after }),
        AttemptOutcome::Delivered
        | AttemptOutcome::EventFailed { .. }
        | AttemptOutcome::Invalid
        | AttemptOutcome::NeverRetry
        | AttemptOutcome::RetryLater => Some(Signal::Up),
    }
}

fn report(
    results: &[LaneResult],
    effects: &Effects,
    hold: impl Fn(SubscriptionId) -> Option<std::time::Duration>,
) -> (DeliveryReport, Vec<DeliveryResult>) {
    let mut report = DeliveryReport::default();
    let mut recorded = Vec::new();
    let counted = counted(results, effects);
    for result in results {
        let mut last_id = 0;
        let mut next = result.wait.map_or(NextAttempt::AtOnce, NextAttempt::After);
        for ended in &result.ended {
            let id = ended.delivery.id;
            report.attempts.push(attempt(ended));
            let is_counted = counted.get(&id).copied().unwrap_or(true);
            let follows = what_follows(ended, is_counted, effects);
            recorded.push(delivery_result(&ended.result.outcome, &follows));
            match follows {
                Follow::Done => {
                    report.done.push(id);
                    last_id = id;
                }
                Follow::Dead => {
                    report.dead.push(id);
                    last_id = id;
                }
                Follow::HandBack => {}
                Follow::Retry(after) => {
                    let is_invalid = ended.result.outcome == AttemptOutcome::Invalid;
                    // A replay is outside of the order, so a delivery of it holds back nothing.
                    let hold = match ended.delivery.replay_id {
                        Some(_) => Some(std::time::Duration::ZERO),
                        None => hold(ended.delivery.subscription),
                    };
                    next = NextAttempt::Retry { delivery: id, after, is_counted, is_invalid, hold };
                }
            }
        }
        // Nothing was waiting, so the lane is empty unless something was added since it was leased.
        if result.is_finished && result.ended.is_empty() {
            last_id = result.lane.tail_id;
        }
        report.lanes.push(LaneReport { lane: result.lane, last_id, next });
    }
    (report, recorded)
}

/// Returns for each attempt for which the handler was down whether it counts.
fn counted(results: &[LaneResult], effects: &Effects) -> BTreeMap<i64, bool> {
    let mut attempts: Vec<&Ended> =
        results.iter().flat_map(|result| &result.ended).filter(|ended| signal(ended).is_some()).collect();
    attempts.sort_by_key(|ended| (ended.at, ended.delivery.id));
    let mut next: BTreeMap<SubscriptionId, usize> = BTreeMap::new();
    let mut counted = BTreeMap::new();
    for ended in attempts {
        let at = next.entry(ended.delivery.subscription).or_default();
        if let Some(effect) = effects.get(&ended.delivery.subscription) {
            counted.insert(ended.delivery.id, effect.counts.get(*at).copied().unwrap_or(true));
        }
        *at += 1;
    }
    counted
}

/// The consequence of an attempt for its delivery.
enum Follow {
    Done,
    Dead,
    /// The delivery stays as it is.
    HandBack,
    Retry(std::time::Duration),
}

fn what_follows(ended: &Ended, is_counted: bool, effects: &Effects) -> Follow {
    let delivery = &ended.delivery;
    let outcome = &ended.result.outcome;
    match outcome {
        AttemptOutcome::Delivered | AttemptOutcome::Skipped => Follow::Done,
        // The result of a test is in the log. It is not repeated.
        _ if delivery.source == DeliverySource::Test => Follow::Done,
        AttemptOutcome::Gone | AttemptOutcome::Misconfigured(_) => Follow::HandBack,
        AttemptOutcome::HandlerDown { .. } if !is_counted => {
            let is_open = effects.get(&delivery.subscription).is_some_and(|effect| effect.open_for.is_some());
            Follow::Retry(uncounted_wait(is_open, retry_after(outcome)))
        }
        _ => match after_failure(delivery.attempts, delivery.invalid, outcome, fastrand::f64()) {
            AfterFailure::Retry(wait) => Follow::Retry(wait),
            AfterFailure::Dead => Follow::Dead,
        },
    }
}

fn delivery_result(outcome: &AttemptOutcome, follows: &Follow) -> DeliveryResult {
    match (outcome, follows) {
        (AttemptOutcome::Delivered, _) => DeliveryResult::Delivered,
        (AttemptOutcome::Skipped, _) => DeliveryResult::Skipped,
        (_, Follow::Dead) => DeliveryResult::Dead,
        _ => DeliveryResult::Failed,
    }
}

fn attempt(ended: &Ended) -> NewAttempt {
    let Ended { delivery, result, .. } = ended;
    NewAttempt {
        delivery: delivery.id,
        subscription: delivery.subscription,
        source: delivery.source,
        event_seq: delivery.event_seq,
        duration: result.duration,
        result: result.outcome.name(),
        status: result.status,
        note: Some(note(result)).filter(|note| !note.is_empty()),
    }
}

fn note(result: &crate::AttemptResult) -> String {
    match &result.outcome {
        AttemptOutcome::Misconfigured(reason) if result.note.is_empty() => reason.replace('\0', "\u{fffd}"),
        _ => result.note.replace('\0', "\u{fffd}"),
    }
}

fn consequences(results: &[LaneResult], effects: &Effects) -> Vec<Consequence> {
    let mut consequences: BTreeMap<SubscriptionId, Consequence> = BTreeMap::new();
    let of = |subscription| Consequence { subscription, is_open: false, has_recovered: false, pause: None };
    for (subscription, effect) in effects {
        let consequence = consequences.entry(*subscription).or_insert_with(|| of(*subscription));
        consequence.is_open = effect.open_for.is_some();
        consequence.has_recovered = effect.has_recovered;
        consequence.pause = effect.is_paused.then(|| "the handler has been down for 5 days".to_owned());
    }
    for ended in results.iter().flat_map(|result| &result.ended) {
        if ended.delivery.source == DeliverySource::Test {
            continue;
        }
        let reason = match &ended.result.outcome {
            AttemptOutcome::Gone => "the handler answered 410 Gone".to_owned(),
            AttemptOutcome::Misconfigured(reason) => reason.clone(),
            _ => continue,
        };
        let subscription = ended.delivery.subscription;
        consequences.entry(subscription).or_insert_with(|| of(subscription)).pause = Some(reason);
    }
    consequences.into_values().collect()
}
