//! An existing service that embeds the receiver, in the same process and the same database.
//!
//! The receiver and its registration at the Marketplace are about ten lines of `main`. The rest is what any service has: its
//! configuration, its own routes and table, and a handler for the events.
//!
//! | variable | meaning |
//! |---|---|
//! | `DATABASE_URL` | the database of the service |
//! | `LISTEN` | the address to listen on |
//! | `EQP_KEY` | the file of the receiver's master key, created on first use |
//! | `CALLBACK_URL` | the URL at which the Marketplace reaches the service; if it is not set, no callback is registered |
//! | `EQP_ENVIRONMENT` | `sandbox` or `production` |
//! | `EQP_APPLICATION_ID`, `EQP_APPLICATION_SECRET` | the access key |
//! | `EQP_API_URL`, `EQP_CA_FILE` | for a simulator: its address, and the CA to trust |

use std::env::{self, VarError};
use std::net::SocketAddr;

use axum::{Router, routing::get};
use eqp_client::Client;
use eqp_client::types::{ApiKey, Secret};
use eqp_deliver::{Event, Handler, HandlerError, HandlerLoop};
use eqp_receiver::{Endpoints, MasterKey, Receiver, Store};
use eqp_sync::{Confirmation, NewRegistration, Registrations};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Handles events: announces releases in a table of the service.
struct Announce(PgPool);

#[async_trait::async_trait]
impl Handler for Announce {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        if event.status.as_deref() == Some("released_to_store") {
            let submission = event.resource_id.as_deref().unwrap_or("a submission");
            // An event can be delivered more than once, so inserting it again must do nothing.
            sqlx::query("insert into announcement values ($1, $2) on conflict do nothing")
                .bind(event.seq)
                .bind(format!("{submission} is in the store"))
                .execute(&self.0)
                .await
                .map_err(HandlerError::retry)?;
        }
        Ok(())
    }
}

/// Returns a client for the API of the Marketplace, configured by environment variables.
fn client() -> Result<Client, Box<dyn std::error::Error>> {
    let application_secret = Secret::new(env::var("EQP_APPLICATION_SECRET")?);
    let key = ApiKey { application_id: env::var("EQP_APPLICATION_ID")?, application_secret };
    let mut client = Client::builder(env::var("EQP_ENVIRONMENT")?.parse()?, key);
    if let Some(url) = optional("EQP_API_URL")? {
        client = client.api_url(url.parse()?);
    }
    if let Some(file) = optional("EQP_CA_FILE")? {
        client = client.trusted_ca_pem(std::fs::read(file)?);
    }
    Ok(client.build()?)
}

/// Returns the value of an environment variable, or none if it is not set.
fn optional(name: &str) -> Result<Option<String>, VarError> {
    match env::var(name) {
        Err(VarError::NotPresent) => Ok(None),
        value => value.map(Some),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = PgPool::connect(&env::var("DATABASE_URL")?).await?;
    sqlx::migrate!().run(&pool).await?;
    // Bound before the callback is registered, because the Marketplace can connect from then on.
    let listener = TcpListener::bind(env::var("LISTEN")?).await?;

    // The receiver starts here …
    Store::new(pool.clone()).migrate().await?;
    let key = MasterKey::open(env::var("EQP_KEY")?.as_ref())?;
    let eqp = Receiver::builder(pool.clone()).master_key(key.clone()).embed().await?;
    let app = Router::new().route("/", get(|| async { "a shop" })).merge(eqp.router());
    if let Some(url) = optional("CALLBACK_URL")? {
        let mut registrations = Registrations::new(client()?, Endpoints::open(pool.clone(), key).await?);
        // Keeps the callbacks of others in the list, and changes nothing if it is already registered.
        let plan = registrations.observe().await?.add(&NewRegistration::new("main").url(url.parse()?))?;
        registrations.apply(&plan, Confirmation::given()).await?;
    }
    // … and ends here.

    let announce = HandlerLoop::new(pool.clone(), "announce", Announce(pool)).observed_by(eqp.observer()).spawn();
    // Installed before the service reports that it is running, so that an early Ctrl-C also stops it properly.
    let mut interrupt = signal(SignalKind::interrupt())?;
    println!("listening on {}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(async move { _ = interrupt.recv().await }).await?;
    announce.stop().await;
    eqp.stop().await?;
    Ok(())
}
