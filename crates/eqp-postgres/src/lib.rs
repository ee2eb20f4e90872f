#![doc = include_str!("../README.md")]

#[cfg(not(unix))]
compile_error!("the embedded Postgres requires Unix sockets and flock; use an existing Postgres on other systems");

mod cluster;
mod command;
mod connect;
mod embedded;
mod error;
mod fetch;
mod find;
mod folder;
mod lock;
mod owner;
mod programs;
mod progress;
mod server;
mod server_handle;
mod settings;

pub use embedded::{Builder, EmbeddedPostgres};
pub use error::{Error, StatementError};
pub use find::PROGRAMS_VARIABLE;
pub use folder::temporary_folder;
pub use progress::Progress;
