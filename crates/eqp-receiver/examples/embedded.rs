//! A receiver inside another service; README shows it.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use eqp_receiver::{Event, Handler, HandlerError, MasterKey, Receiver};

/// Gets every event, in order, at least once.
struct LogEvents;

#[async_trait::async_trait]
impl Handler for LogEvents {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let (resource, status) = (event.subject.as_deref(), event.outcome.as_deref());
        println!("{}: {} is {}", event.seq, resource.unwrap_or("?"), status.unwrap_or("?"));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = sqlx::PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    eqp_receiver::migrate(&pool).await?;
    // Made on first use. Back it up with the database.
    let key = MasterKey::open("eqp.key".as_ref())?;
    let eqp = Receiver::builder(pool).master_key(key).handler("log", LogEvents).embed().await?;

    // The receiver answers the paths of its endpoints; all other routes are yours.
    let app = Router::new().route("/", get(|| async { "a shop" })).merge(eqp.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    // Connect info tells the receiver where a request comes from, so that it can limit guesses of passwords.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    eqp.stop().await?;
    Ok(())
}
