//! Reaching a private Postgres as a client.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};

use crate::settings::{PORT, ROLE};

/// The database that always exists.
pub(crate) const MAINTENANCE_DATABASE: &str = "postgres";
/// For a server on this machine to say that it is there.
const DEADLINE: Duration = Duration::from_secs(5);

/// Where and as whom; `PG…` variables of the environment have no say in that.
pub(crate) fn options(socket_folder: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_folder)
        .port(PORT)
        .username(ROLE)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

/// The same as an URL.
pub(crate) fn url(socket_folder: &Path, database: &str) -> String {
    let socket_folder = socket_folder.to_string_lossy();
    let socket_folder = utf8_percent_encode(&socket_folder, NON_ALPHANUMERIC);
    let database = utf8_percent_encode(database, NON_ALPHANUMERIC);
    format!("postgres://{ROLE}@{socket_folder}:{PORT}/{database}?sslmode=disable")
}

/// Whether the server lets a client in. A socket that takes a connection proves little: the kernel takes it for a
/// process that has been killed and does not know yet.
pub(crate) async fn serves(socket_folder: &Path) -> bool {
    let options = options(socket_folder, MAINTENANCE_DATABASE);
    let greeted = tokio::time::timeout(DEADLINE, PgConnection::connect_with(&options)).await;
    match greeted {
        Ok(Ok(connection)) => connection.close().await.is_ok(),
        _ => false,
    }
}
