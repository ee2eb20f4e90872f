//! Leases lanes of deliveries, has them sent, and records the results.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{
    ANSWER, Backoff, DeliveryMeasurement, DeliveryResult, LaneReport, LeasedLane, NextAttempt, Part, SubscriptionId,
    SubscriptionWork, WaitingDelivery, delivery_lane, delivery_report, subscription, within,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::handlers::Handlers;
use super::lane::{Lane, LaneResult, Sender, lease_time};
use super::message::{Messages, Prepared};
use super::order_hold::set_aside;
use super::pace::Pace;
use super::results::{self, Recorded};
use super::settings::WorkerSettings;
use crate::AttemptOutcome;

/// The longest time between two looks for lanes that are due: another process may have inserted deliveries.
const POLL: Duration = Duration::from_secs(1);
/// The number of lanes that one process sends at a time.
const LANES: usize = 64;
/// The number of lanes of one subscription that are sent at a time.
const LANES_OF_SUBSCRIPTION: usize = 16;
/// The same while its handler recovers: these are sent at a limited rate, and must not wait until their lease expires.
const LANES_OF_RECOVERING: usize = 8;
/// The time for which attempts may continue after a shutdown was requested.
const GRACE: Duration = Duration::from_secs(10);
const MIN_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The worker of one process.
pub(crate) struct Worker {
    settings: WorkerSettings,
    handlers: Handlers,
    sending: JoinSet<LaneResult>,
    /// Results that are not recorded yet, because the database did not answer. Nothing is leased until they are.
    unrecorded: Vec<LaneResult>,
    /// The subscriptions whose waiting deliveries were made due after an outage of their handler.
    woken: BTreeSet<SubscriptionId>,
}

impl Worker {
    pub(crate) fn new(settings: WorkerSettings) -> Self {
        let handlers = Handlers::new(settings.pool.clone(), settings.key.clone(), Arc::clone(&settings.build));
        Self { settings, handlers, sending: JoinSet::new(), unrecorded: Vec::new(), woken: BTreeSet::new() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let sender = Sender {
            pool: self.settings.pool.clone(),
            supervisor: self.settings.supervisor.clone(),
            deadline: self.settings.deadline,
            shutdown: shutdown.clone(),
        };
        let inserted = Arc::clone(&self.settings.inserted);
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        while !shutdown.is_cancelled() {
            self.settings.supervisor.fault_point(Part::Deliver);
            // Registered before the look, so that no notification is missed.
            let mut notified = std::pin::pin!(inserted.notified());
            notified.as_mut().enable();
            let wait = match self.round(&sender).await {
                Ok(wait) => {
                    backoff.reset();
                    wait
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        ?wait,
                        "cannot lease or record deliveries, retrying"
                    );
                    wait
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                Some(ended) = self.sending.join_next() => self.join(ended),
                () = notified => {}
                () = sleep(wait) => {}
            }
        }
        self.finish().await;
    }

    /// Waits for the attempts in progress, and records their results. Everything else is sent again after its lease has expired.
    async fn finish(mut self) {
        let ending = async {
            while let Some(ended) = self.sending.join_next().await {
                self.join(ended);
            }
        };
        if timeout(GRACE, ending).await.is_err() {
            tracing::warn!("deliveries did not finish in time at shutdown, they will be sent again");
        }
        let recorded = timeout(MAX_WAIT.min(GRACE), self.record()).await;
        if let Ok(Err(error)) = recorded {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "results of deliveries were not recorded, they will be sent again");
        }
    }

    /// Collects the result of a lane. A panic outside of a handler counts as a panic of this part.
    fn join(&mut self, ended: Result<LaneResult, tokio::task::JoinError>) {
        match ended {
            Ok(result) => {
                if let Some(active) = self.handlers.get_mut(result.lane.subscription) {
                    active.in_flight = active.in_flight.saturating_sub(1);
                }
                self.unrecorded.push(result);
            }
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => {}
        }
    }

    /// Records what has ended, and leases what is due. Returns the wait until the next lane is due.
    async fn round(&mut self, sender: &Sender) -> Result<Duration, Error> {
        while let Some(ended) = self.sending.try_join_next() {
            self.join(ended);
        }
        self.record().await?;
        let work = within(ANSWER, delivery_lane::work(&self.settings.pool)).await?;
        let generation = work.first().map(|work| work.generation);
        if let Some(generation) = generation {
            self.handlers.refresh(generation).await?;
        }
        for one in &work {
            self.recover(one).await?;
        }
        let leased_at = Instant::now();
        let lease = lease_time(self.settings.deadline);
        let rooms = self.rooms(&work);
        let mut lanes = Vec::new();
        if !rooms.is_empty() {
            lanes = within(ANSWER, delivery_lane::lease(&self.settings.pool, &rooms, lease)).await?;
        }
        let mut probes = BTreeSet::new();
        for one in work.iter().filter(|one| one.open_for == Some(Duration::ZERO) && self.is_sent(one.subscription)) {
            let probe = delivery_lane::lease_probe(&self.settings.pool, one.subscription, lease);
            if let Some(lane) = within(ANSWER, probe).await? {
                probes.insert(lane.lane);
                lanes.push(lane);
            }
        }
        let tests = within(ANSWER, delivery_lane::lease_tests(&self.settings.pool, lease)).await?;
        if !tests.is_empty() && generation.is_none() {
            self.handlers.reload().await?;
        }
        probes.extend(tests.iter().map(|lane| lane.lane));
        lanes.extend(tests);
        self.start(sender, lanes, leased_at, |lane| probes.contains(&lane.lane)).await?;
        Ok(self.wait(&work))
    }

    fn is_sent(&self, id: SubscriptionId) -> bool {
        self.handlers.get(id).is_some_and(|active| active.subscription.is_sent())
    }

    /// Returns how many lanes of each subscription are leased now. Every subscription is first in turn.
    fn rooms(&self, work: &[SubscriptionWork]) -> Vec<(SubscriptionId, usize)> {
        let mut free = LANES.saturating_sub(self.sending.len());
        let due: Vec<&SubscriptionWork> = work
            .iter()
            .filter(|one| one.due_in.is_zero() && one.open_for.is_none() && self.is_sent(one.subscription))
            .collect();
        let first = if due.is_empty() { 0 } else { fastrand::usize(..due.len()) };
        let mut rooms = Vec::new();
        for one in due[first..].iter().chain(&due[..first]) {
            let most = if one.is_recovering { LANES_OF_RECOVERING } else { LANES_OF_SUBSCRIPTION };
            let in_flight = self.handlers.get(one.subscription).map_or(0, |active| active.in_flight);
            let room = most.saturating_sub(in_flight).min(free);
            if room > 0 {
                free -= room;
                rooms.push((one.subscription, room));
            }
        }
        rooms
    }

    /// Makes everything due after an outage of a handler, and ends the limited rate once nothing is.
    async fn recover(&mut self, work: &SubscriptionWork) -> Result<(), Error> {
        let id = work.subscription;
        let Some(active) = self.handlers.get_mut(id) else { return Ok(()) };
        // Another worker may have opened or closed the circuit breaker.
        active.is_stopped.store(work.open_for.is_some(), Ordering::Relaxed);
        if !work.is_recovering || work.open_for.is_some() {
            self.woken.remove(&id);
            active.pace = None;
            return Ok(());
        }
        if active.pace.is_none() {
            active.pace = Some(Arc::new(Pace::new()));
        }
        let is_idle = active.in_flight == 0 && !work.due_in.is_zero();
        if self.woken.insert(id) {
            within(ANSWER, delivery_report::wake(&self.settings.pool, id)).await?;
            self.settings.inserted.notify_one();
        } else if is_idle {
            within(ANSWER, delivery_report::finish_recovery(&self.settings.pool, id)).await?;
        }
        Ok(())
    }

    /// Starts sending leased lanes. Those that cannot be sent are handed back.
    async fn start(
        &mut self,
        sender: &Sender,
        lanes: Vec<LeasedLane>,
        leased_at: Instant,
        is_probe: impl Fn(&LeasedLane) -> bool,
    ) -> Result<(), Error> {
        if lanes.is_empty() {
            return Ok(());
        }
        let heads = within(ANSWER, delivery_lane::heads(&self.settings.pool, &lanes)).await?;
        let messages = Messages::load(&self.settings.messages, &heads).await?;
        let mut by_lane: HashMap<_, Vec<WaitingDelivery>> = HashMap::new();
        for head in heads {
            by_lane.entry((head.subscription, head.lane)).or_default().push(head);
        }
        let mut back = Vec::new();
        for lane in lanes {
            let mut deliveries = by_lane.remove(&(lane.subscription, lane.lane)).unwrap_or_default();
            let is_probe = is_probe(&lane);
            if is_probe {
                deliveries.truncate(1);
            } else if let Some(wait) = set_aside(&self.settings.pool, &mut deliveries).await? {
                back.push(hand_back(lane, wait));
                continue;
            }
            let Some(handler) = self.handlers.handler(lane.subscription).await? else {
                back.push(hand_back(lane, POLL));
                continue;
            };
            let handler = match handler {
                Ok(handler) => handler,
                Err(error) if deliveries.iter().all(|delivery| delivery.test_id.is_none()) => {
                    self.pause(lane.subscription, &error).await?;
                    back.push(hand_back(lane, Duration::ZERO));
                    continue;
                }
                Err(error) => Arc::new(Unbuilt(error)),
            };
            let Some(active) = self.handlers.get_mut(lane.subscription) else { continue };
            let subscription = &active.subscription;
            let prepare = |delivery: WaitingDelivery| {
                let prepared: Prepared = messages.prepare(subscription, &delivery);
                (delivery, prepared)
            };
            let deliveries: Vec<_> = deliveries.into_iter().map(prepare).collect();
            let is_test = deliveries.first().is_some_and(|(delivery, _)| delivery.test_id.is_some());
            active.in_flight += 1;
            let lane = Lane {
                leased: lane,
                subscription: active.subscription.name.clone(),
                leased_at,
                deliveries,
                handler,
                // A probe and a test are sent although the others are not.
                is_stopped: if is_probe { Arc::default() } else { Arc::clone(&active.is_stopped) },
                pace: active.pace.clone().filter(|_| !is_test),
            };
            self.sending.spawn(sender.clone().send(lane));
        }
        if !back.is_empty() {
            self.hand_back(back).await?;
        }
        Ok(())
    }

    async fn hand_back(&self, lanes: Vec<LaneReport>) -> Result<(), Error> {
        let report = eqp_store::internal::DeliveryReport { lanes, ..Default::default() };
        within(ANSWER, async {
            let mut connection = self.settings.pool.acquire().await?;
            delivery_report::report(&mut connection, &report).await
        })
        .await
    }

    /// Records the results of lanes.
    async fn record(&mut self) -> Result<(), Error> {
        if self.unrecorded.is_empty() {
            return Ok(());
        }
        let handlers = &self.handlers;
        let subscription_of = |id| handlers.get(id).map(|active| &active.subscription);
        let recording = results::record(&self.settings.pool, &self.unrecorded, subscription_of);
        let Recorded { consequences, results } = within(ANSWER, recording).await?;
        self.measure(&results);
        self.unrecorded.clear();
        for consequence in consequences {
            let id = consequence.subscription;
            if let Some(active) = self.handlers.get_mut(id) {
                let name = active.subscription.name.as_str();
                let was_open = active.is_stopped.swap(consequence.is_open, Ordering::Relaxed);
                if consequence.is_open && !was_open {
                    tracing::warn!(subscription = name, "handler is down, deliveries are waiting");
                } else if consequence.has_recovered {
                    tracing::info!(subscription = name, "handler is available again, sending the waiting deliveries");
                }
            }
            if consequence.has_recovered {
                self.woken.remove(&id);
            }
            if let Some(reason) = consequence.pause {
                self.pause(id, &reason).await?;
            }
        }
        Ok(())
    }

    /// Reports what was recorded to the metrics.
    fn measure(&self, results: &[DeliveryResult]) {
        let observer = &self.settings.observer;
        for ended in self.unrecorded.iter().flat_map(|lane| &lane.ended) {
            if ended.result.outcome != AttemptOutcome::Skipped {
                observer.deliveries(DeliveryMeasurement::Attempt { duration: ended.result.duration });
            }
        }
        for result in results {
            observer.deliveries(DeliveryMeasurement::Recorded(*result));
        }
    }

    async fn pause(&mut self, id: SubscriptionId, reason: &str) -> Result<(), Error> {
        let reason: String = reason.chars().filter(|letter| *letter != '\0').take(500).collect();
        if let Some(active) = self.handlers.get_mut(id) {
            active.is_stopped.store(true, Ordering::Relaxed);
            tracing::error!(subscription = active.subscription.name, reason, "pausing subscription");
        }
        within(ANSWER, subscription::pause(&self.settings.pool, id, &reason, true)).await?;
        Ok(())
    }

    fn wait(&self, work: &[SubscriptionWork]) -> Duration {
        let next = |one: &SubscriptionWork| one.open_for.unwrap_or(one.due_in);
        let has_room = self.sending.len() < LANES;
        let sent = work.iter().filter(|one| has_room && self.is_sent(one.subscription));
        // What was due has just been leased, or waits for room. A lane that ends wakes the worker.
        sent.map(next).filter(|wait| !wait.is_zero()).min().unwrap_or(POLL).min(POLL)
    }
}

fn hand_back(lane: LeasedLane, wait: Duration) -> LaneReport {
    LaneReport { lane, last_id: 0, next: NextAttempt::After(wait) }
}

/// The handler of a test whose handler cannot be built: the reason is the result of the test.
struct Unbuilt(String);

#[async_trait::async_trait]
impl crate::DeliveryHandler for Unbuilt {
    async fn deliver(&self, _message: &crate::Message, _deadline: Duration) -> crate::AttemptResult {
        crate::AttemptResult::new(crate::AttemptOutcome::Misconfigured(self.0.clone()), None, Duration::ZERO, &self.0)
    }
}
