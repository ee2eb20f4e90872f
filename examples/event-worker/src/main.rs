//! A worker that reads the events of a receiver's database and prints each as a line of JSON.
//!
//! `DATABASE_URL` names the database. `AFTER` is the `seq` of the last event that was handled; without it, the worker prints
//! only events that are recorded from now on.

use std::env;

use eqp_store::{EventFilter, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(&env::var("DATABASE_URL")?).await?;
    let after_seq = env::var("AFTER").ok().map(|seq| seq.parse()).transpose()?;
    let mut tail = store.reader().tail(EventFilter { after_seq, ..EventFilter::default() }).await?;
    while let Some(event) = tail.next().await? {
        println!("{}", serde_json::to_string(&event)?);
    }
    Ok(())
}
