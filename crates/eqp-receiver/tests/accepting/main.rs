//! The accepting side through its public doors: HTTPS in front, real Postgres behind.

mod contract;
mod credentials;
mod durability;
mod embedding;
mod endpoints;
mod outage;
mod proxy;
mod scene;
mod sender;
mod start;
