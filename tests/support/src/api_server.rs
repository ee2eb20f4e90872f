//! A TLS server with routes of the test's own, for answers that the simulator does not give.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use eqp_client::types::{ApiKey, Environment, Secret};
use eqp_client::{Client, ClientBuilder, RetryPolicy};
use eqp_tls::listener::Listener;
use eqp_tls::{Identity, LocalCa};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The secret of the access key that test clients have.
pub const APPLICATION_SECRET: &str = "application-hush";
/// The prefix of every token from [`with_tokens`].
pub const TOKEN: &str = "token-hush";

/// A server that runs until the end of the test.
pub struct ApiServer {
    pub url: Url,
    pub ca_pem: String,
}

impl ApiServer {
    /// Serves `routes` with a certificate for 127.0.0.1.
    pub fn start(routes: Router) -> Self {
        let ca = LocalCa::ephemeral().unwrap();
        let identity = ca.issue(&["127.0.0.1".to_owned()]).unwrap();
        Self::start_as(routes, &identity, ca.certificate_pem())
    }

    /// Serves `routes` with a certificate for another host name.
    pub fn start_as(routes: Router, identity: &Identity, ca_pem: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let server = Listener::new(listener).tls(identity.server_config().unwrap());
        tokio::spawn(server.serve(routes, CancellationToken::new()));
        Self { url, ca_pem: ca_pem.to_owned() }
    }

    /// Returns a client of this server with almost no delay between retries.
    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> ClientBuilder {
        builder().api_url(self.url.clone()).trusted_ca_pem(&self.ca_pem)
    }
}

/// Returns the builder of a client that has no server yet.
pub fn builder() -> ClientBuilder {
    let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new(APPLICATION_SECRET) };
    let quick =
        RetryPolicy { max_attempts: 4, first_delay: Duration::from_millis(1), max_delay: Duration::from_secs(2) };
    Client::builder(Environment::Sandbox, key).retry(quick)
}

/// A counter of requests.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// Increments the counter, and returns its previous value.
    pub fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Adds a token call to `routes`, which grants `token-hush-0`, `token-hush-1`, … for two hours each.
pub fn with_tokens(routes: Router) -> (Router, Count) {
    let count = Count::default();
    let counted = count.clone();
    let token = move || async move {
        let ust = format!("{TOKEN}-{}", counted.next());
        axum::Json(serde_json::json!({"mage_id": "MAG1", "ust": ust, "expires_in": 7200}))
    };
    (routes.route("/rest/v1/app/session/token", post(token)), count)
}
