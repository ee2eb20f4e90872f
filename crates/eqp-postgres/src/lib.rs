//! A private Postgres in a folder: found, fetched, started, shared and stopped.
//!
//! [`EmbeddedPostgres`] is a real Postgres that belongs to one folder. Whoever starts it first brings it up; whoever
//! asks for the same folder meanwhile joins; the last one to leave stops it. One that dies under its users is started
//! again by whoever awaits [`EmbeddedPostgres::keep_running`]. Nothing listens on the network: clients
//! come through a Unix socket in a 0700 folder, and Postgres itself lets in only the operating-system user that runs
//! the tool (and root).
//!
//! ```no_run
//! # async fn example() -> Result<(), eqp_postgres::Error> {
//! use eqp_postgres::EmbeddedPostgres;
//!
//! let postgres = EmbeddedPostgres::builder("/var/lib/eqp/postgres").start().await?;
//! postgres.ensure_database("eqp").await?;
//! println!("{}", postgres.url("eqp"));
//! postgres.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: listen on TCP, replicate, upgrade a folder from one major version to the next. A service that
//! needs those has a Postgres of its own and names it by URL.

#[cfg(not(unix))]
compile_error!("the embedded Postgres needs Unix sockets and flock; name a Postgres by URL on other systems");

mod builder;
mod cluster;
mod command;
mod connect;
mod embedded;
mod error;
mod fetch;
mod folder;
mod keep;
mod lock;
mod owner;
mod programs;
mod progress;
mod server;
mod settings;
mod watched;

pub use builder::Builder;
pub use embedded::EmbeddedPostgres;
pub use error::Error;
pub use folder::temporary_folder;
pub use programs::PROGRAMS_VARIABLE;
pub use progress::Progress;
