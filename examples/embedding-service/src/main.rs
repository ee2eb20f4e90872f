//! A service that takes callbacks of the Marketplace beside its own work, in its own database.
//!
//! `DATABASE_URL` names the database, `LISTEN` the address, `EQP_KEY` the file of the receiver's master key.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use eqp_receiver::{Event, Handler, HandlerError, MasterKey, Receiver};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Announces releases, in the service's own table.
struct Announce(PgPool);

#[async_trait::async_trait]
impl Handler for Announce {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        if event.outcome.as_deref() == Some("released_to_store") {
            // An event can come again: the key makes the second time harmless.
            let insert = sqlx::query("insert into announcement values ($1, $2) on conflict do nothing");
            let insert =
                insert.bind(event.seq).bind(format!("{} is in the store", event.subject.as_deref().unwrap_or("it")));
            insert.execute(&self.0).await.map_err(HandlerError::retry)?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    sqlx::migrate!().run(&pool).await?;

    // The receiver, from here …
    eqp_receiver::migrate(&pool).await?;
    let key = MasterKey::open(std::env::var("EQP_KEY")?.as_ref())?;
    let announce = Announce(pool.clone());
    let eqp = Receiver::builder(pool).master_key(key).handler("announce", announce).embed().await?;
    let app = Router::new().route("/", get(|| async { "a shop" })).merge(eqp.router());
    // … to here.

    let listener = TcpListener::bind(std::env::var("LISTEN")?).await?;
    // Caught from before anybody can know that it runs: a Ctrl-C that comes at once must not cut work off.
    let mut interrupt = signal(SignalKind::interrupt())?;
    println!("listening on {}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(async move { _ = interrupt.recv().await }).await?;
    eqp.stop().await?;
    Ok(())
}
