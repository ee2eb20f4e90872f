//! The receivers of the demo on this machine: a webhook, and a chat with the API of Slack. The first request to the webhook fails, so that
//! its delivery is retried.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::progress::in_words;
use crate::failure::{Exit, Failure, Result};

/// The ID of the chat's only channel.
pub(super) const CHANNEL: &str = "C0DEMO0001";

/// Something that arrived at a receiver.
#[derive(Debug)]
pub(super) enum Arrived {
    /// A request to the webhook.
    Webhook {
        /// The product and its status, such as `acme/badges 2.0.1: rejected`.
        subject: String,
        /// The number of times that this message has arrived, including this one.
        attempt: usize,
        /// Whether it was accepted.
        accepted: bool,
    },
    /// A message in the chat, or the edit of one.
    Chat {
        /// The first line of the message.
        text: String,
        /// Where it is written.
        place: ChatPlace,
    },
}

/// Where a message is written in the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChatPlace {
    /// It starts a thread.
    First,
    /// It is a reply.
    Reply,
    /// It replaces the first message.
    Edit,
}

/// The running receivers. They end when this is dropped.
pub(super) struct Receivers {
    address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    arrived: mpsc::UnboundedSender<Arrived>,
    /// The number of times that each message has arrived at the webhook, by its ID.
    attempts: Arc<Mutex<HashMap<String, usize>>>,
    /// The number of messages in the chat.
    messages: Arc<Mutex<u64>>,
}

impl Receivers {
    /// Starts the receivers. Requests are reported to the returned channel.
    pub(super) async fn start() -> Result<(Self, mpsc::UnboundedReceiver<Arrived>)> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, "cannot start the webhook").because(&error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, arrived) = mpsc::unbounded_channel();
        let shared = Shared { arrived: sender, attempts: Arc::default(), messages: Arc::default() };
        let router =
            Router::new().route("/hook", post(webhook)).route("/slack/{method}", post(chat)).with_state(shared);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the demo's webhook has stopped");
            }
        });
        Ok((Self { address, task }, arrived))
    }

    pub(super) fn webhook_url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn slack_api(&self) -> String {
        format!("http://{}/slack/", self.address)
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn webhook(State(shared): State<Shared>, headers: HeaderMap, Json(message): Json<Value>) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let (attempt, accepted) = {
        let mut attempts = shared.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first_request = attempts.is_empty();
        let attempt = attempts.entry(id).or_default();
        *attempt += 1;
        (*attempt, !is_first_request)
    };
    let data = &message["data"];
    let text = |name: &str| data[name].as_str();
    let product = match (text("sku"), text("version")) {
        (Some(sku), Some(version)) => format!("{sku} {version}"),
        _ => text("resource_id").unwrap_or_default().to_owned(),
    };
    let status = in_words(text("status").unwrap_or_default());
    let subject = format!("{product}: {status}");
    // Nobody reads it any more while the demo ends.
    let _ = shared.arrived.send(Arrived::Webhook { subject, attempt, accepted });
    if accepted { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn chat(State(shared): State<Shared>, Path(method): Path<String>, Json(arguments): Json<Value>) -> Json<Value> {
    let text = arguments["text"].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    let (place, id) = if method == "chat.update" {
        (ChatPlace::Edit, arguments["ts"].as_str().unwrap_or_default().to_owned())
    } else {
        let mut messages = shared.messages.lock().unwrap_or_else(PoisonError::into_inner);
        *messages += 1;
        let place = if arguments["thread_ts"].is_null() { ChatPlace::First } else { ChatPlace::Reply };
        (place, messages.to_string())
    };
    let _ = shared.arrived.send(Arrived::Chat { text, place });
    Json(json!({ "ok": true, "channel": CHANNEL, "ts": id }))
}
