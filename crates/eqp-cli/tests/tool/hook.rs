//! A server that receives webhooks, and whose status the test chooses.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use eqp_deliver::{HandlerDefinition, WebhookDefinition};
use serde_json::Value;
use tokio::task::JoinHandle;

pub(crate) struct Hook {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Value>>>,
    status: Arc<AtomicU16>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Hook {
    /// Starts a server that responds with 204.
    pub(crate) async fn start() -> Self {
        let (received, status) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::new(AtomicU16::new(204)));
        let (recorded, respond) = (Arc::clone(&received), Arc::clone(&status));
        let hook = post(move |body: Bytes| async move {
            let status = StatusCode::from_u16(respond.load(Ordering::Relaxed)).unwrap();
            if status.is_success() {
                recorded.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            }
            status
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = tokio::spawn(axum::serve(listener, Router::new().route("/hook", hook)).into_future());
        Self { url, received, status, server }
    }

    pub(crate) fn responds(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// The messages that were accepted, in order.
    pub(crate) fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }

    /// The types of the messages that were accepted, in order.
    pub(crate) fn types(&self) -> Vec<String> {
        self.received().iter().map(|message| message["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn definition(&self) -> HandlerDefinition {
        HandlerDefinition::Webhook(WebhookDefinition::new(self.url.clone()))
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.server.abort();
    }
}
