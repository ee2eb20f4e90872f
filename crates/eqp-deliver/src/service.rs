//! The deliver part of a server: the fan-out, the worker, replays and the sweep, each restarted after a panic.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eqp_store::internal::{ANSWER, Backoff, Part, instance, subscription, within};
use eqp_store::sqlx::PgPool;
use eqp_store::{MasterKey, Observer};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fan_out::FanOut;
use crate::message::plain_description;
use crate::queue::{BuildHandler, MessageSource, Worker, WorkerSettings, measure, sweep};
use crate::replay::ReplayRunner;
use crate::{
    AttemptOutcome, AttemptResult, Declaration, DeliveryHandler, DescribeAlert, DescribeProduct, DigestTime,
    HandlerEnvironment, Message, NewSubscription, ProductSource, StoredThreads, Subscriptions,
};

/// The time limit of one attempt.
const DEADLINE: Duration = Duration::from_secs(30);
const MIN_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Delivers the events and alerts of a database to the handlers of its subscriptions, until shutdown. Any number of processes may do this.
///
/// ```no_run
/// use eqp_deliver::{CancellationToken, DeliverService, HandlerEnvironment};
///
/// # async fn example(pool: eqp_store::sqlx::PgPool, key: eqp_store::MasterKey) {
/// DeliverService::new(pool, key, HandlerEnvironment::default()).run(CancellationToken::new()).await;
/// # }
/// ```
#[derive(Clone)]
pub struct DeliverService {
    pool: PgPool,
    key: MasterKey,
    build: BuildHandler,
    describe: DescribeAlert,
    describe_product: DescribeProduct,
    observer: Observer,
    deadline: Duration,
    declared: Option<(String, Arc<[NewSubscription]>)>,
    digest_time: DigestTime,
}

impl fmt::Debug for DeliverService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliverService").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl DeliverService {
    /// Delivers the events of this database, whose secrets of handlers are sealed under `key`. The handlers can use what `environment`
    /// provides.
    pub fn new(pool: PgPool, key: MasterKey, mut environment: HandlerEnvironment) -> Self {
        environment.threads.get_or_insert_with(|| Arc::new(StoredThreads::new(pool.clone())));
        let build: BuildHandler = Arc::new(move |definition, secrets| {
            let built = definition.build(secrets, &environment)?;
            // Workers send nothing to subscriptions of this type.
            Ok(built.unwrap_or_else(|| Arc::new(Fetched)))
        });
        Self {
            pool,
            key,
            build,
            describe: plain_description(),
            describe_product: Arc::new(|_, _| ProductSource::default()),
            observer: Observer::default(),
            deadline: DEADLINE,
            declared: None,
            digest_time: DigestTime::default(),
        }
    }

    /// Builds handlers with `build` instead, for services that deliver in their own way.
    #[must_use]
    pub fn handlers(mut self, build: BuildHandler) -> Self {
        self.build = build;
        self
    }

    /// Sets how alerts are described in messages. By default, the title is the kind of the alert, and the text its facts as JSON.
    #[must_use]
    pub fn describe_alerts(mut self, describe: DescribeAlert) -> Self {
        self.describe = describe;
        self
    }

    /// Sets where the source code of products is. By default, messages do not contain it.
    #[must_use]
    pub fn describe_products(mut self, describe: DescribeProduct) -> Self {
        self.describe_product = describe;
        self
    }

    /// Sets the observer: deliveries and panics are counted in its receiver's metrics.
    #[must_use]
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Sets the time limit of one attempt, 30 seconds by default. At least one second and at most ten minutes are used.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.clamp(Duration::from_secs(1), Duration::from_mins(10));
        self
    }

    /// Sets the subscriptions that a file declares. They are created and changed at the start, as [`Subscriptions::declare`] describes.
    #[must_use]
    pub fn declare(mut self, file: impl Into<String>, subscriptions: Vec<NewSubscription>) -> Self {
        self.declared = Some((file.into(), subscriptions.into()));
        self
    }

    /// Sets the time of the week at which digests are created, Monday at 08:00 UTC by default.
    #[must_use]
    pub fn digest_time(mut self, time: DigestTime) -> Self {
        self.digest_time = time;
        self
    }

    /// Runs until `shutdown`. A panic is logged and counted, and the part is restarted.
    pub async fn run(self, shutdown: CancellationToken) {
        let Some(instance) = self.instance(&shutdown).await else { return };
        self.apply_declared(&shutdown).await;
        let supervisor = self.observer.supervisor().clone();
        let inserted = Arc::new(Notify::new());
        let messages = MessageSource {
            pool: self.pool.clone(),
            instance,
            describe: Arc::clone(&self.describe),
            describe_product: Arc::clone(&self.describe_product),
            requests: self.observer.reconcile_requests().clone(),
        };
        let settings = WorkerSettings {
            pool: self.pool.clone(),
            key: self.key.clone(),
            build: Arc::clone(&self.build),
            messages,
            supervisor: supervisor.clone(),
            observer: self.observer.clone(),
            deadline: self.deadline,
            inserted: Arc::clone(&inserted),
        };
        let fan_out = || {
            let fan_out = FanOut::new(self.pool.clone(), supervisor.clone(), Arc::clone(&inserted));
            fan_out.digest_time(self.digest_time).run(shutdown.clone())
        };
        let worker = || Worker::new(settings.clone()).run(shutdown.clone());
        let replaying =
            || ReplayRunner::new(self.pool.clone(), supervisor.clone(), Arc::clone(&inserted)).run(shutdown.clone());
        let sweeping = || sweep(self.pool.clone(), supervisor.clone(), shutdown.clone());
        let measuring = || measure(self.pool.clone(), self.observer.clone(), shutdown.clone());
        tokio::join!(
            supervisor.run(Part::FanOut, &shutdown, fan_out),
            supervisor.run(Part::Deliver, &shutdown, worker),
            supervisor.run(Part::Deliver, &shutdown, replaying),
            supervisor.run(Part::Deliver, &shutdown, sweeping),
            supervisor.run(Part::Deliver, &shutdown, measuring),
        );
    }

    /// Applies the declared subscriptions, once the database answers. Declarations that cannot be applied are logged, and do not stop
    /// deliveries.
    async fn apply_declared(&self, shutdown: &CancellationToken) {
        let Some((file, declared)) = &self.declared else { return };
        let subscriptions = Subscriptions::new(self.pool.clone());
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        while !shutdown.is_cancelled() {
            match subscriptions.declare(file, declared, &self.key).await {
                Ok(declaration) => return log(file, declaration),
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        ?wait,
                        "cannot apply the declared subscriptions, retrying"
                    );
                    let _cancelled = shutdown.run_until_cancelled(sleep(wait)).await;
                }
            }
        }
    }

    /// Returns the ID of the database, once it answers.
    async fn instance(&self, shutdown: &CancellationToken) -> Option<Uuid> {
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        loop {
            let starting = async {
                let instance = within(ANSWER, instance::bind(&self.pool, self.key.fingerprint())).await?;
                let may_deliver = within(ANSWER, subscription::may_read_secrets(&self.pool)).await?;
                Ok::<_, eqp_store::Error>(Some(instance).filter(|_| may_deliver))
            };
            match shutdown.run_until_cancelled(Box::pin(starting)).await? {
                Ok(Some(instance)) => return Some(instance),
                Ok(None) => {
                    tracing::error!("events are not delivered: the database role may not read the secrets of handlers");
                    shutdown.cancelled().await;
                    return None;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        ?wait,
                        "cannot start deliveries, retrying"
                    );
                    shutdown.run_until_cancelled(sleep(wait)).await?;
                }
            }
        }
    }
}

fn log(file: &str, declaration: Declaration) {
    for subscription in declaration.created {
        tracing::info!(subscription, file, "created declared subscription");
    }
    for subscription in declaration.changed {
        tracing::info!(subscription, file, "updated declared subscription");
    }
    for subscription in declaration.paused {
        tracing::warn!(subscription, file, "subscription is no longer declared, pausing it");
    }
    for problem in declaration.problems {
        tracing::error!(error = &problem as &dyn std::error::Error, file, "declared subscription was not applied");
    }
}

/// The handler of subscriptions whose messages are fetched by consumers.
struct Fetched;

#[async_trait::async_trait]
impl DeliveryHandler for Fetched {
    async fn deliver(&self, _message: &Message, _deadline: Duration) -> AttemptResult {
        let reason = "nothing is sent: consumers fetch the messages";
        AttemptResult::new(AttemptOutcome::Misconfigured(reason.to_owned()), None, Duration::ZERO, reason)
    }
}
