//! Matches new events and changes of alerts against the subscriptions, and inserts one delivery for each match.
//!
//! One process is the leader for the duration of a transaction, which inserts the deliveries and moves the cursor. Subscriptions that were
//! paused have a cursor of their own, and catch up. Fallbacks are not matched: what they receive depends on other subscriptions. Once a week,
//! it creates digests.

use std::sync::Arc;
use std::time::Duration;

use eqp_store::Error;
use eqp_store::internal::{
    ANSWER, Backoff, CatchUpPosition, Channel, NotificationListener, Part, SubscriptionId, Supervisor, alert_fallback,
    fan_out, subscription, within,
};
use eqp_store::sqlx::PgPool;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::digest;
use crate::digest::DigestTime;
use crate::fallback;
use crate::matching::matching;
use crate::subscription::{Subscription, SubscriptionCache};

/// The polling interval. Notifications only shorten the wait, because not every connection pooler passes them on.
const POLL: Duration = Duration::from_millis(500);
/// The wait after a failure of the database.
const MIN_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The interval at which alerts are looked up that a subscription cannot deliver, and that its fallback receives.
const ESCALATE: Duration = Duration::from_secs(1);

/// The fan-out of one process.
pub(crate) struct FanOut {
    pool: PgPool,
    supervisor: Supervisor,
    /// Notified when deliveries were inserted.
    inserted: Arc<Notify>,
    subscriptions: SubscriptionCache,
    /// When to look again for alerts that subscriptions cannot deliver.
    escalate_at: Instant,
    digest_time: DigestTime,
    /// When to look again whether a week has ended.
    digest_at: Instant,
}

/// The result of one transaction.
enum Round {
    /// There may be more to do.
    More,
    Idle,
    /// These subscriptions cannot be read by this version, and must be paused.
    Unreadable(Vec<(SubscriptionId, String)>),
}

impl FanOut {
    pub(crate) fn new(pool: PgPool, supervisor: Supervisor, inserted: Arc<Notify>) -> Self {
        Self {
            pool,
            supervisor,
            inserted,
            subscriptions: SubscriptionCache::default(),
            escalate_at: Instant::now(),
            digest_time: DigestTime::default(),
            digest_at: Instant::now(),
        }
    }

    /// Sets the time of the week at which digests are created.
    pub(crate) fn digest_time(mut self, time: DigestTime) -> Self {
        self.digest_time = time;
        self
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut listener = NotificationListener::new(&self.pool, Channel::Events, self.supervisor.clone());
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        while !shutdown.is_cancelled() {
            self.supervisor.fault_point(Part::FanOut);
            let poll_at = Instant::now() + POLL;
            match self.drain(&shutdown).await {
                Ok(()) => {
                    backoff.reset();
                    let _cancelled = shutdown.run_until_cancelled(listener.notified_before(poll_at)).await;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        ?wait,
                        "cannot match events against subscriptions, retrying"
                    );
                    let _cancelled = shutdown.run_until_cancelled(sleep(wait)).await;
                }
            }
        }
    }

    /// Processes everything that is there.
    async fn drain(&mut self, shutdown: &CancellationToken) -> Result<(), Error> {
        while !shutdown.is_cancelled() {
            let round = match within(ANSWER, self.lead()).await? {
                Round::Idle => within(ANSWER, self.catch_up()).await?,
                round => round,
            };
            let round = match round {
                Round::Idle => within(ANSWER, self.escalate()).await?,
                round => round,
            };
            let round = match round {
                Round::Idle => self.digest().await?,
                round => round,
            };
            match round {
                Round::Idle => break,
                Round::More => self.inserted.notify_waiters(),
                Round::Unreadable(subscriptions) => self.pause(subscriptions).await?,
            }
        }
        Ok(())
    }

    /// Matches what comes next against all subscriptions that are in step.
    async fn lead(&mut self) -> Result<Round, eqp_store::sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Some(position) = fan_out::lead(&mut transaction).await? else { return Ok(Round::Idle) };
        let subscriptions = match self.subscriptions.of(&mut transaction, position.generation).await? {
            Ok(subscriptions) => subscriptions,
            Err(unreadable) => return Ok(Round::Unreadable(unreadable)),
        };
        let in_step: Vec<&Subscription> =
            subscriptions.iter().filter(|one| one.is_in_step && one.fallback_for.is_none()).collect();
        let (to, deliveries) = matching(&mut transaction, &in_step, position.at, position.target).await?;
        if fan_out::advance(&mut transaction, &position, to, &deliveries).await? {
            let changes = (position.at.alert_number, to.alert_number);
            fallback::route(&mut transaction, &subscriptions, changes).await?;
            transaction.commit().await?;
        }
        Ok(Round::More)
    }

    /// Passes alerts to the fallbacks of subscriptions that cannot deliver them.
    async fn escalate(&mut self) -> Result<Round, eqp_store::sqlx::Error> {
        if Instant::now() < self.escalate_at {
            return Ok(Round::Idle);
        }
        self.escalate_at = Instant::now() + ESCALATE;
        let mut transaction = self.pool.begin().await?;
        // Without the lock, because there is nearly always nothing to do.
        if alert_fallback::undeliverable(&mut transaction).await?.is_empty() {
            return Ok(Round::Idle);
        }
        let Some((up_to, generation)) = alert_fallback::try_lock(&mut transaction).await? else {
            return Ok(Round::Idle);
        };
        let subscriptions = match self.subscriptions.of(&mut transaction, generation).await? {
            Ok(subscriptions) => subscriptions,
            Err(unreadable) => return Ok(Round::Unreadable(unreadable)),
        };
        let changes = alert_fallback::undeliverable(&mut transaction).await?;
        fallback::escalate(&mut transaction, &subscriptions, &changes, up_to).await?;
        transaction.commit().await?;
        Ok(Round::More)
    }

    /// Creates the digests of a week that has ended.
    async fn digest(&mut self) -> Result<Round, Error> {
        if Instant::now() < self.digest_at {
            return Ok(Round::Idle);
        }
        self.digest_at = Instant::now() + digest::LOOK;
        // Without the lock, because there is nearly always nothing to do.
        if digest::due(&self.pool, self.digest_time).await?.is_none() {
            return Ok(Round::Idle);
        }
        within(ANSWER, self.create_digests()).await
    }

    async fn create_digests(&mut self) -> Result<Round, eqp_store::sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Some((week, generation)) = digest::lock_due(&mut transaction, self.digest_time).await? else {
            return Ok(Round::Idle);
        };
        let subscriptions = match self.subscriptions.of(&mut transaction, generation).await? {
            Ok(subscriptions) => subscriptions,
            Err(unreadable) => return Ok(Round::Unreadable(unreadable)),
        };
        digest::create(&mut transaction, &subscriptions, week).await?;
        transaction.commit().await?;
        Ok(Round::More)
    }

    /// Matches what comes next against one subscription that was paused.
    async fn catch_up(&mut self) -> Result<Round, eqp_store::sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Some(position) = fan_out::lock_catching_up(&mut transaction).await? else { return Ok(Round::Idle) };
        let CatchUpPosition { subscription, at, target, generation } = position;
        if at.event_seq >= target.event_seq && at.alert_number >= target.alert_number {
            // Not in this transaction, because the position of the fan-out is locked before that of a subscription.
            transaction.rollback().await?;
            let mut connection = self.pool.acquire().await?;
            fan_out::rejoin(&mut connection, subscription, at).await?;
            return Ok(Round::More);
        }
        let subscriptions = match self.subscriptions.of(&mut transaction, generation).await? {
            Ok(subscriptions) => subscriptions,
            Err(unreadable) => return Ok(Round::Unreadable(unreadable)),
        };
        // Without it, the subscription was removed since it was locked.
        let is_matched = |one: &&Subscription| one.id == subscription && one.fallback_for.is_none();
        let own: Vec<&Subscription> = subscriptions.iter().filter(is_matched).collect();
        let (to, deliveries) = matching(&mut transaction, &own, at, target).await?;
        if fan_out::catch_up(&mut transaction, &position, to, &deliveries).await? {
            transaction.commit().await?;
        }
        Ok(Round::More)
    }

    /// Pauses subscriptions that this version cannot read. They lose no events: a version that can read them resumes them.
    async fn pause(&self, unreadable: Vec<(SubscriptionId, String)>) -> Result<(), Error> {
        for (id, reason) in unreadable {
            tracing::error!(subscription = id.0, reason, "the definition of a subscription cannot be read, pausing it");
            let reason = format!("this version cannot read its definition: {reason}");
            within(ANSWER, subscription::pause(&self.pool, id, &reason, true)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use eqp_test_support::callbacks::{CallbackDatabase, scan};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Metadata, Subscriber};

    use super::*;

    /// Counts the statements that sqlx logs, except those that begin or end a transaction.
    #[derive(Clone, Default)]
    struct Statements(Arc<AtomicUsize>);

    impl Subscriber for Statements {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "sqlx::query"
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            let mut summary = Summary(String::new());
            event.record(&mut summary);
            let is_control = ["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| summary.0.to_uppercase().contains(word));
            self.0.fetch_add(usize::from(!is_control), Ordering::Relaxed);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// The start of a statement.
    struct Summary(String);

    impl Visit for Summary {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "summary" {
                self.0 = format!("{value:?}");
            }
        }
    }

    #[tokio::test]
    async fn ten_thousand_subscriptions_and_one_event_take_at_most_five_statements() {
        let database = CallbackDatabase::new().await;
        for sql in [
            "insert into eqp.subscription (name, filter, handler)
             select 's' || n, case when n % 2 = 0 then '{}' else '{\"skus\": [\"acme/*\"]}' end::jsonb, '{\"type\": \"pull\"}'
             from generate_series(1, 10000) as n",
            "insert into eqp.subscription_state (subscription_id) select id from eqp.subscription",
        ] {
            sqlx::query(sql).execute(&database.pool).await.unwrap();
        }
        database.callback(scan("a", "passed")).await;
        database.project().await;
        let mut fan_out = FanOut::new(database.pool.clone(), Supervisor::default(), Arc::default());
        let statements = Statements::default();
        let counting = tracing::subscriber::set_default(statements.clone());
        assert!(matches!(fan_out.lead().await.unwrap(), Round::More));
        drop(counting);
        let count = statements.0.load(Ordering::Relaxed);
        // Without `begin` and `commit`, which are not counted.
        assert!((3..=5).contains(&count), "{count} statements");
        let deliveries: i64 =
            sqlx::query_scalar("select count(*) from eqp.delivery").fetch_one(&database.pool).await.unwrap();
        assert_eq!(deliveries, 10_000);
        assert!(matches!(fan_out.lead().await.unwrap(), Round::Idle));
    }

    #[tokio::test]
    async fn while_another_process_leads_there_is_nothing_to_do() {
        let database = CallbackDatabase::new().await;
        database.callback(scan("a", "passed")).await;
        database.project().await;
        let mut transaction = database.pool.begin().await.unwrap();
        assert!(fan_out::lead(&mut transaction).await.unwrap().is_some());
        let mut other = FanOut::new(database.pool.clone(), Supervisor::default(), Arc::default());
        assert!(matches!(other.lead().await.unwrap(), Round::Idle));
        transaction.rollback().await.unwrap();
        assert!(matches!(other.lead().await.unwrap(), Round::More));
    }
}
