//! The pages over HTTP, on a real database: sessions, forms, and what each page shows.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod alerts;
mod deliveries;
mod events;
mod fixture;
mod forms;
mod health;
mod hostile;
mod outage;
mod overview;
mod protection;
mod server;
mod shared;
mod sign_in;
mod submissions;
