//! The handler of the webhooks, on a thread of its own.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use eqp_receiver::CancellationToken;
use eqp_test_support::webhooks::{WebhookReply, WebhookRequest, webhook_server};
use serde::Deserialize;

use crate::Failure;

/// The path of requests that are never answered.
pub(crate) const DEAD: &str = "/dead";

/// A message that the handler received and accepted.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The path of the request, which identifies the subscription.
    pub(crate) path: String,
    pub(crate) resource: String,
    pub(crate) seq: i64,
    /// An earlier event of the resource was not delivered.
    pub(crate) is_out_of_order: bool,
    pub(crate) at: Instant,
}

/// A running handler; stopped on drop.
pub(crate) struct Handler {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Handler {
    /// Starts a handler that accepts every message, except those to [`DEAD`], which it never answers.
    pub(crate) fn start() -> Result<Self, Failure> {
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let into = Arc::clone(&received);
        let (address, serving) = webhook_server(move |request| answer(request, Arc::clone(&into)))?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(stopped.run_until_cancelled(serving));
        });
        Ok(Self { address, received, stop, thread: Some(thread) })
    }

    /// Returns the URL of a subscription's webhook.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the messages in the order in which they were received.
    pub(crate) fn received(&self) -> Vec<Received> {
        lock(&self.received).clone()
    }

    /// Waits until this number of messages was received.
    pub(crate) fn wait_for(&self, count: usize, deadline: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let received = lock(&self.received).len();
            if received >= count {
                return Ok(());
            }
            if begun.elapsed() > deadline {
                return Err(format!("{received} of {count} messages were delivered in time").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(received: &Mutex<Vec<Received>>) -> MutexGuard<'_, Vec<Received>> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Message {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    resource_id: Option<String>,
    seq: i64,
    out_of_order_after: Option<i64>,
}

async fn answer(request: WebhookRequest, received: Arc<Mutex<Vec<Received>>>) -> WebhookReply {
    let at = Instant::now();
    if request.path == DEAD {
        return pending().await;
    }
    let Ok(Message { data }) = serde_json::from_slice(&request.body) else { return WebhookReply::Status(400) };
    lock(&received).push(Received {
        path: request.path,
        resource: data.resource_id.unwrap_or_default(),
        seq: data.seq,
        is_out_of_order: data.out_of_order_after.is_some(),
        at,
    });
    WebhookReply::Status(204)
}
