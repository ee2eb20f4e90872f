//! The subscriptions of the demo, which are created through the operator API and deliver to the receivers of the demo.

use std::time::Duration;

use eqp_console::{OperatorClient, OperatorService, Principal, SubscriptionRequest};
use eqp_deliver::{
    AddressGuard, DeliverService, HandlerDefinition, HandlerEnvironment, SlackDefinition, WebhookDefinition,
    new_signing_secret,
};
use eqp_store::{MasterKey, Store};
use eqp_types::Secret;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::receivers::{Arrived, CHANNEL, Receivers};
use crate::compose::database::Database;
use crate::failure::{Exit, Failure, Result};

/// The changes that are delivered.
pub(super) const STATUSES: [&str; 3] = ["released_to_store", "rejected", "failed"];
/// The time limit for ending the worker.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// The running worker and its receivers.
pub(super) struct Deliveries {
    receivers: Receivers,
    arrived: Mutex<mpsc::UnboundedReceiver<Arrived>>,
    worker: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Deliveries {
    /// Starts the receivers, the subscriptions and the worker.
    pub(super) async fn start(database: &Database, key: MasterKey) -> Result<Self> {
        let (receivers, arrived) = Receivers::start().await?;
        let failed = |what: String| Failure::new(Exit::Failed, "cannot set up the deliveries of the demo").why(what);
        // Only this machine can be reached.
        let guard = AddressGuard::allowing(["127.0.0.0/8"]).map_err(|error| failed(error.to_string()))?;
        let handlers = HandlerEnvironment::new(guard)
            .with_slack_api(&receivers.slack_api())
            .map_err(|error| failed(error.to_string()))?;
        let service = OperatorService::new(Store::new(database.pool().clone()))
            .master_key(key.clone())
            .handlers(handlers.clone());
        let client = OperatorClient::in_process(&service, Principal::Local);
        for request in [webhook(&receivers), chat()] {
            client.create_subscription(&request).await?;
        }
        let shutdown = CancellationToken::new();
        let worker =
            DeliverService::new(database.pool().clone(), key, handlers).observer(database.metrics().observer());
        let worker = tokio::spawn(worker.run(shutdown.clone()));
        Ok(Self { receivers, arrived: Mutex::new(arrived), worker, shutdown })
    }

    pub(super) fn webhook_url(&self) -> String {
        self.receivers.webhook_url()
    }

    /// Returns what arrives at the receivers.
    pub(super) async fn arrived(&self) -> MutexGuard<'_, mpsc::UnboundedReceiver<Arrived>> {
        self.arrived.lock().await
    }

    /// Ends the worker.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        let mut worker = self.worker;
        if tokio::time::timeout(STOP_DEADLINE, &mut worker).await.is_err() {
            worker.abort();
        }
    }
}

fn webhook(receivers: &Receivers) -> SubscriptionRequest {
    let handler = HandlerDefinition::Webhook(WebhookDefinition::new(receivers.webhook_url()));
    let mut request = SubscriptionRequest::new("webhook", handler);
    request.filter.statuses = STATUSES.map(str::to_owned).to_vec();
    request.signing_secrets.push(new_signing_secret());
    request
}

fn chat() -> SubscriptionRequest {
    let mut slack = SlackDefinition::default();
    slack.channel = Some(CHANNEL.to_owned());
    let mut request = SubscriptionRequest::new("chat", HandlerDefinition::Slack(slack));
    request.filter.statuses = STATUSES.map(str::to_owned).to_vec();
    request.filter.kinds = vec!["submission".to_owned()];
    request.secrets.insert("token".to_owned(), Secret::new("xoxb-demo"));
    request
}
