//! Connects to an embedded Postgres.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};

use crate::settings::{PORT, ROLE};

/// The database that exists in every cluster.
pub(crate) const MAINTENANCE_DATABASE: &str = "postgres";
/// The time limit for connecting to a server on this machine.
const DEADLINE: Duration = Duration::from_secs(5);

/// Returns the options of a connection. The `PG…` variables of the environment do not affect them.
pub(crate) fn options(socket_folder: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_folder)
        .port(PORT)
        .username(ROLE)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

/// Returns the options of a connection as a URL.
pub(crate) fn url(socket_folder: &Path, database: &str) -> String {
    let socket_folder = socket_folder.to_string_lossy();
    let socket_folder = utf8_percent_encode(&socket_folder, NON_ALPHANUMERIC);
    let database = utf8_percent_encode(database, NON_ALPHANUMERIC);
    format!("postgres://{ROLE}@{socket_folder}:{PORT}/{database}?sslmode=disable")
}

/// Returns whether a client can log in. It is not enough that the socket accepts a connection, because the kernel also accepts it for
/// a process that was killed but has not ended yet.
pub(crate) async fn serves(socket_folder: &Path) -> bool {
    let options = options(socket_folder, MAINTENANCE_DATABASE);
    let connected = tokio::time::timeout(DEADLINE, PgConnection::connect_with(&options)).await;
    match connected {
        Ok(Ok(connection)) => connection.close().await.is_ok(),
        _ => false,
    }
}
