//! A server over real TLS that a test writes by hand, for answers that no well-behaved Marketplace gives.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod calls;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use axum_server::tls_rustls::RustlsConfig;
use eqp_client::types::{ApiKey, Environment, Secret};
use eqp_client::{Client, ClientBuilder, RetryPolicy};
use eqp_tls::{Identity, LocalCa};
use url::Url;

/// The secret of the access key that test clients have.
pub(crate) const APPLICATION_SECRET: &str = "application-hush";
/// What every token that [`with_tokens`] gives begins with.
pub(crate) const TOKEN: &str = "token-hush";

/// A server that runs until the test ends.
pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) ca_pem: String,
}

impl Server {
    /// Serves `routes` with a certificate for 127.0.0.1.
    pub(crate) fn start(routes: Router) -> Self {
        let ca = LocalCa::ephemeral().unwrap();
        let identity = ca.issue(&["127.0.0.1".to_owned()]).unwrap();
        Self::start_as(routes, &identity, ca.certificate_pem())
    }

    /// Serves `routes` as somebody else.
    pub(crate) fn start_as(routes: Router, identity: &Identity, ca_pem: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let config = RustlsConfig::from_config(identity.server_config().unwrap());
        let server = axum_server::from_tcp_rustls(listener, config).unwrap();
        tokio::spawn(server.serve(routes.into_make_service()));
        Self { url, ca_pem: ca_pem.to_owned() }
    }

    /// A client of this server that waits hardly at all before it tries again.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        builder().api_url(self.url.clone()).trusted_ca_pem(&self.ca_pem)
    }
}

/// A client of nobody yet.
pub(crate) fn builder() -> ClientBuilder {
    let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new(APPLICATION_SECRET) };
    let quick = RetryPolicy { tries: 4, first_wait: Duration::from_millis(1), longest_wait: Duration::from_secs(2) };
    Client::builder(Environment::Sandbox, key).retry(quick)
}

/// Counts how often something was asked for.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    /// Counts one more, and answers how many there were before.
    pub(crate) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// `routes` and a token call that gives `token-hush-0`, `token-hush-1`, … for two hours each.
pub(crate) fn with_tokens(routes: Router) -> (Router, Count) {
    let count = Count::default();
    let counted = count.clone();
    let token = move || async move {
        let ust = format!("{TOKEN}-{}", counted.next());
        axum::Json(serde_json::json!({"mage_id": "MAG1", "ust": ust, "expires_in": 7200}))
    };
    (routes.route("/rest/v1/app/session/token", post(token)), count)
}
