//! One database per test, on one Postgres per run.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};

use crate::server::Server;

/// An empty database of one test; removed when it is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// Connects to it.
    pub options: PgConnectOptions,
    /// A small pool on it.
    pub pool: PgPool,
    name: String,
    /// Connects to the server.
    maintenance: PgConnectOptions,
    /// Kept running while this lives; none where the test sees to it.
    server: Option<Server>,
}

impl TestDatabase {
    /// Makes a new, empty database.
    pub async fn create() -> Self {
        let server = Server::of_this_run().await;
        let mut database = Self::create_on(server.options()).await;
        database.server = Some(server);
        database
    }

    /// Makes a new, empty database on the server that these options lead to.
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

    /// The database as an URL, for programs that take one.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let options = self.maintenance.clone();
        let statement = format!("drop database if exists {} with (force)", self.name);
        // A drop cannot await, and the runtime of the test may be ending: a thread with a runtime of its own can.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&options, statement)).map_err(std::io::Error::other)
        });
        // A test that stopped its Postgres on purpose has nothing left to remove.
        let _ = removal.join();
    }
}

async fn execute(options: &PgConnectOptions, statement: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect_with(options).await?;
    // The statement holds only a name that was made here.
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}
