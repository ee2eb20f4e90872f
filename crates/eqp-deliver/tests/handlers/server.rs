//! A server that records what arrives, and answers as a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use eqp_deliver::{
    AddressGuard, AttemptResult, DeliveryHandler, HandlerDefinition, HandlerEnvironment, HandlerSecrets, Message,
    WebhookDefinition,
};
use eqp_test_support::api_server::ApiServer;
use http::HeaderMap;
use serde_json::Value;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A request that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} is missing in {:?}", self.headers)).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A TLS server on loopback.
pub(crate) struct RecordingServer {
    server: ApiServer,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl RecordingServer {
    /// Starts a server that answers every request with `respond`.
    pub(crate) fn start(respond: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        Self::responding(move |_| respond())
    }

    /// Starts a server whose responses depend on the request.
    pub(crate) fn responding(respond: impl Fn(&Arrived) -> Response + Clone + Send + Sync + 'static) -> Self {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        Self { server: ApiServer::start(recording(&arrived, respond)), arrived }
    }

    /// Starts a server that answers every request with 204.
    pub(crate) fn accepting() -> Self {
        Self::start(|| response(204, ""))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url.as_str().trim_end_matches('/'))
    }

    /// Returns an environment in which this server can be reached.
    pub(crate) fn environment(&self) -> HandlerEnvironment {
        local().trusting_ca_pem(&self.server.ca_pem).unwrap()
    }

    /// Delivers a message to this server.
    pub(crate) async fn deliver(
        &self,
        definition: &HandlerDefinition,
        secrets: &HandlerSecrets,
        message: &Message,
    ) -> AttemptResult {
        handler(definition, secrets, &self.environment()).deliver(message, DEADLINE).await
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived[0].clone()
    }
}

/// Returns routes that record every request and answer it with `respond`.
fn recording(
    arrived: &Arc<Mutex<Vec<Arrived>>>,
    respond: impl Fn(&Arrived) -> Response + Clone + Send + Sync + 'static,
) -> Router {
    let arrived = Arc::clone(arrived);
    Router::new().fallback(move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let (method, uri) = (parts.method.to_string(), parts.uri.to_string());
        let request = Arrived { method, uri, headers: parts.headers, body };
        let response = respond(&request);
        arrived.lock().unwrap().push(request);
        response
    })
}

pub(crate) fn response(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Returns an environment in which only this machine can be reached.
pub(crate) fn local() -> HandlerEnvironment {
    HandlerEnvironment::new(AddressGuard::allowing(["127.0.0.0/8", "::1"]).unwrap())
}

pub(crate) fn webhook(url: impl Into<String>) -> HandlerDefinition {
    HandlerDefinition::Webhook(WebhookDefinition::new(url))
}

pub(crate) fn handler(
    definition: &HandlerDefinition,
    secrets: &HandlerSecrets,
    environment: &HandlerEnvironment,
) -> Arc<dyn DeliveryHandler> {
    definition.build(secrets, environment).unwrap().unwrap()
}

/// Returns a secret for templates.
pub(crate) fn named(name: &str, secret: &str) -> HandlerSecrets {
    let mut secrets = HandlerSecrets::default();
    secrets.named.insert(name.to_owned(), eqp_types::Secret::new(secret));
    secrets
}
