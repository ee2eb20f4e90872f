//! A receiver that is embedded in another service. The README shows this program.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use eqp_deliver::{Event, Handler, HandlerError, HandlerLoop};
use eqp_receiver::{MasterKey, Receiver, Store};

/// Handles every event, in order, at least once.
struct LogEvents;

#[async_trait::async_trait]
impl Handler for LogEvents {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let (resource, status) = (event.resource_id.as_deref(), event.status.as_deref());
        println!("{}: {} is {}", event.seq, resource.unwrap_or("?"), status.unwrap_or("?"));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = sqlx::PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    Store::new(pool.clone()).migrate().await?;
    // Created on first use. Back it up with the database.
    let key = MasterKey::open("eqp.key".as_ref())?;
    let eqp = Receiver::builder(pool.clone()).master_key(key).embed().await?;
    let log = HandlerLoop::new(pool, "log", LogEvents).observed_by(eqp.observer()).spawn();

    // The receiver handles the paths of its endpoints; all other routes are yours.
    let app = Router::new().route("/", get(|| async { "a shop" })).merge(eqp.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    // Connect info contains the client address, by which the receiver rate-limits password guessing.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    log.stop().await;
    eqp.stop().await?;
    Ok(())
}
