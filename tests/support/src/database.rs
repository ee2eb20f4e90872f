//! A separate database for each test, on one Postgres for each run.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};

use crate::server::Server;

/// An empty database for one test; removed on drop.
#[derive(Debug)]
pub struct TestDatabase {
    /// The options to connect to the database.
    pub options: PgConnectOptions,
    /// A small connection pool.
    pub pool: PgPool,
    name: String,
    /// The options to connect to the server.
    maintenance: PgConnectOptions,
    /// Keeps the server running; `None` if the test manages the server itself.
    server: Option<Server>,
}

impl TestDatabase {
    /// Creates an empty database.
    pub async fn create() -> Self {
        let server = Server::of_this_run().await;
        let mut database = Self::create_on(server.options()).await;
        database.server = Some(server);
        database
    }

    /// Creates an empty database on the server of these options.
    pub async fn create_on(server: &PgConnectOptions) -> Self {
        let name = format!("eqp_test_{}", uuid::Uuid::new_v4().simple());
        let options = server.clone().database(&name);
        execute(server, format!("create database {name}")).await.expect("a database can be made");
        let pool = PgPoolOptions::new()
            .max_connections(5)
            .connect_with(options.clone())
            .await
            .expect("the new database answers");
        Self { options, pool, name, maintenance: server.clone(), server: None }
    }

    /// Copies the database as it is now, as a physical backup does. Connections to it are ended.
    pub async fn copy(&self) -> Self {
        let name = format!("eqp_test_{}", uuid::Uuid::new_v4().simple());
        let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", self.name);
        execute(&self.maintenance, end).await.expect("connections can be ended");
        let copy = format!("create database {name} template {}", self.name);
        execute(&self.maintenance, copy).await.expect("a database that nobody uses can be copied");
        let options = self.maintenance.clone().database(&name);
        let pool = PgPoolOptions::new().max_connections(5).connect_lazy_with(options.clone());
        Self { options, pool, name, maintenance: self.maintenance.clone(), server: self.server.clone() }
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let options = self.maintenance.clone();
        let statement = format!("drop database if exists {} with (force)", self.name);
        // `drop` cannot await, and the test's runtime may be shutting down, so a thread with its own runtime removes the database.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&options, statement)).map_err(std::io::Error::other)
        });
        // If the test has stopped its Postgres, there is nothing to remove.
        let _ = removal.join();
    }
}

async fn execute(options: &PgConnectOptions, statement: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect_with(options).await?;
    // The name is generated above, so it is safe in a statement.
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}
