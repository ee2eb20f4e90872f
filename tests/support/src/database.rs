//! One database per test, on one Postgres per run.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, PgPool};

/// Names the Postgres of the run; `cargo xtask test` starts one and sets it.
const VARIABLE: &str = "EQP_TEST_DATABASE_URL";

/// An empty database of one test.
#[derive(Debug)]
pub struct TestDatabase {
    /// Connects to it.
    pub options: PgConnectOptions,
    /// A small pool on it.
    pub pool: PgPool,
}

impl TestDatabase {
    /// Makes a new, empty database.
    pub async fn create() -> Self {
        let server = server();
        let name = format!("eqp_test_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect_with(&server).await.expect("the Postgres of the run answers");
        connection
            .execute(sqlx::AssertSqlSafe(format!("create database {name}")))
            .await
            .expect("a database can be made");
        let options = server.database(&name);
        let pool = PgPoolOptions::new()
            .max_connections(5)
            .connect_with(options.clone())
            .await
            .expect("the new database answers");
        Self { options, pool }
    }

    /// The database as an URL, for programs that take one.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }
}

fn server() -> PgConnectOptions {
    let url = std::env::var(VARIABLE)
        .unwrap_or_else(|_| panic!("{VARIABLE} names no Postgres: run the tests with `cargo xtask test`"));
    PgConnectOptions::from_str(&url).expect("the variable holds the URL of a Postgres")
}
