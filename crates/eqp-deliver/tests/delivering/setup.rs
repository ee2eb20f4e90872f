//! A database with subscriptions, and a handler that the test controls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use eqp_deliver::{
    AttemptOutcome, AttemptResult, DeliverService, DeliveryHandler, ExecDefinition, HandlerDefinition,
    HandlerEnvironment, Message, MessageBody, NewSubscription, Observer, Subscriptions,
};
use eqp_store::MasterKey;
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const DOWN: AttemptOutcome = AttemptOutcome::HandlerDown { retry_after: None };
pub(crate) const FAILED: AttemptOutcome = AttemptOutcome::EventFailed { retry_after: None };

/// A message that a handler received.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Received {
    /// The name of the program in the definition of the subscription.
    pub(crate) handler: String,
    pub(crate) message: Message,
}

impl Received {
    pub(crate) fn resource(&self) -> String {
        match &self.message.body {
            MessageBody::FileScanFinished(content) | MessageBody::SubmissionStatusChanged(content) => {
                content.data.event.resource_id.clone().unwrap_or_default()
            }
            MessageBody::SubscriptionTest(content) => content.data.subscription.clone(),
            other => other.type_name().to_owned(),
        }
    }

    pub(crate) fn seq(&self) -> i64 {
        match &self.message.body {
            MessageBody::FileScanFinished(content) | MessageBody::SubmissionStatusChanged(content) => {
                content.data.event.seq
            }
            _ => 0,
        }
    }

    pub(crate) fn out_of_order_after(&self) -> Option<i64> {
        match &self.message.body {
            MessageBody::FileScanFinished(content) | MessageBody::SubmissionStatusChanged(content) => {
                content.data.out_of_order_after
            }
            _ => None,
        }
    }
}

type Respond = Box<dyn Fn(&Received) -> AttemptOutcome + Send + Sync>;

/// Records messages, and answers as the test wants.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    received: Arc<Mutex<Vec<Received>>>,
    respond: Arc<Mutex<Option<Respond>>>,
    hangs: Arc<std::sync::atomic::AtomicBool>,
    /// The time that each message takes, in milliseconds.
    takes: Arc<std::sync::atomic::AtomicU64>,
}

impl Handlers {
    pub(crate) fn respond(&self, respond: impl Fn(&Received) -> AttemptOutcome + Send + Sync + 'static) {
        *self.respond.lock().unwrap() = Some(Box::new(respond));
    }

    /// Never answers from now on.
    pub(crate) fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, std::sync::atomic::Ordering::Relaxed);
    }

    /// Takes this time for each message from now on.
    pub(crate) fn slow(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap();
        self.takes.store(milliseconds, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The resources of the messages that one handler received.
    pub(crate) fn resources(&self, handler: &str) -> Vec<String> {
        self.received().iter().filter(|one| one.handler == handler).map(Received::resource).collect()
    }

    /// Waits until `count` messages were received, and returns them.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} messages"), |received| received.len() >= count).await
    }

    pub(crate) async fn wait_until(&self, what: &str, is_so: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let waiting = async {
            loop {
                let received = self.received();
                if is_so(&received) {
                    return received;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("timed out waiting for {what}: {:#?}", self.received().len()))
    }
}

struct Recording {
    name: String,
    handlers: Handlers,
}

#[async_trait]
impl DeliveryHandler for Recording {
    async fn deliver(&self, message: &Message, _deadline: Duration) -> AttemptResult {
        let received = Received { handler: self.name.clone(), message: message.clone() };
        self.handlers.received.lock().unwrap().push(received.clone());
        if self.handlers.hangs.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(self.handlers.takes.load(std::sync::atomic::Ordering::Relaxed))).await;
        let outcome = match &*self.handlers.respond.lock().unwrap() {
            Some(respond) => respond(&received),
            None => AttemptOutcome::Delivered,
        };
        AttemptResult::new(outcome, None, Duration::from_millis(1), "the note")
    }
}

/// A database, and a handler for each of its subscriptions.
pub(crate) struct Setup {
    pub(crate) database: CallbackDatabase,
    pub(crate) key: MasterKey,
    pub(crate) handlers: Handlers,
}

impl Setup {
    pub(crate) async fn new() -> Self {
        let database = CallbackDatabase::new().await;
        Self { database, key: MasterKey::ephemeral().unwrap(), handlers: Handlers::default() }
    }

    pub(crate) fn subscriptions(&self) -> Subscriptions {
        Subscriptions::new(self.database.pool.clone())
    }

    /// Adds a subscription whose handler has the same name.
    pub(crate) async fn subscribe(&self, name: &str, change: impl FnOnce(&mut NewSubscription)) {
        let mut new = NewSubscription::new(name, HandlerDefinition::Exec(ExecDefinition::new(name)));
        change(&mut new);
        self.subscriptions().add(&new, Some(&self.key)).await.unwrap();
    }

    /// Starts a process that delivers.
    pub(crate) fn start(&self) -> Process {
        self.start_observed(Observer::default())
    }

    pub(crate) fn start_observed(&self, observer: Observer) -> Process {
        let handlers = self.handlers.clone();
        let build = Arc::new(move |definition: &HandlerDefinition, _: &_| {
            let HandlerDefinition::Exec(exec) = definition else { panic!("{definition:?}") };
            let handler: Arc<dyn DeliveryHandler> =
                Arc::new(Recording { name: exec.program.clone(), handlers: handlers.clone() });
            Ok(handler)
        });
        let service = DeliverService::new(self.database.pool.clone(), self.key.clone(), HandlerEnvironment::default());
        Process::start(service.handlers(build).observer(observer))
    }

    /// Records the events of files, all passed.
    pub(crate) async fn files(&self, names: &[&str]) {
        let bodies: Vec<String> = names.iter().map(|name| scan(name, "passed")).collect();
        self.database.callbacks(&bodies).await;
        self.database.project().await;
    }

    /// Records three events of one submission: of its technical, its marketing and its overall status.
    pub(crate) async fn submission(&self, id: &str) {
        for (flow, status) in [("technical", "approved"), ("marketing", "approved"), ("overall", "approved")] {
            self.database.callback(eqp_test_support::callbacks::first_form(id, flow, status)).await;
        }
        self.database.project().await;
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.database.pool).await.unwrap();
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.database.pool).await.unwrap()
    }

    /// Waits until a query returns a number.
    pub(crate) async fn until(&self, sql: &'static str, expected: i64) {
        let waiting = async {
            while self.number(sql).await != expected {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = timeout(PATIENCE, waiting).await.is_ok();
        assert!(reached, "{sql} is {}, not {expected}", self.number(sql).await);
    }

    /// Waits until nothing is waiting.
    pub(crate) async fn until_empty(&self) {
        self.until("select count(*) from eqp.delivery where dead_at is null", 0).await;
    }

    /// Lets the waits of all deliveries, and of circuit breakers, pass.
    pub(crate) async fn pass_waits(&self) {
        self.sql("update eqp.subscription_state set open_until = now() where open_until is not null").await;
        self.sql("update eqp.delivery set retry_at = now() where retry_at is not null").await;
        self.sql("update eqp.delivery_lane set due_at = now() where due_at < 'infinity' and lease is null").await;
    }
}

/// A process that delivers.
pub(crate) struct Process {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    pub(crate) fn start(service: DeliverService) -> Self {
        let shutdown = CancellationToken::new();
        Self { task: tokio::spawn(service.run(shutdown.clone())), shutdown }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task).await.expect("stops in time").unwrap();
    }

    /// Ends it without recording anything.
    pub(crate) async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
