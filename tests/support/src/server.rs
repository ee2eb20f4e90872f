//! The Postgres of a test run: the one named by the environment, or an embedded one that the tests share.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Weak};

use eqp_postgres::EmbeddedPostgres;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;

/// The environment variable with the URL of the run's Postgres; `cargo xtask test` sets it.
const VARIABLE: &str = "EQP_TEST_DATABASE_URL";

/// The embedded Postgres of this process while a test uses it; the last test of the last process stops it.
static EMBEDDED: Mutex<Weak<EmbeddedPostgres>> = Mutex::const_new(Weak::new());

/// A Postgres to create databases in.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    options: PgConnectOptions,
    /// Keeps the server running.
    _embedded: Option<Arc<EmbeddedPostgres>>,
}

impl Server {
    /// Returns the Postgres of this run, and starts it if necessary.
    pub(crate) async fn of_this_run() -> Self {
        if let Ok(url) = std::env::var(VARIABLE) {
            let options = PgConnectOptions::from_str(&url).expect("the variable holds the URL of a Postgres");
            return Self { options, _embedded: None };
        }
        let mut shared = EMBEDDED.lock().await;
        let embedded = if let Some(running) = shared.upgrade() {
            running
        } else {
            let started = EmbeddedPostgres::builder(folder()).start().await;
            let started = Arc::new(started.unwrap_or_else(|error| panic!("the tests need a Postgres: {error}")));
            *shared = Arc::downgrade(&started);
            started
        };
        Self { options: embedded.connect_options("postgres"), _embedded: Some(embedded) }
    }

    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

/// Returns the folder of the embedded Postgres: in cargo's target folder, so that `cargo clean` removes it. For root,
/// it is in the temporary folder, because the user that Postgres runs as may not be able to enter a clone that belongs
/// to root.
fn folder() -> PathBuf {
    const NAME: &str = "eqp-test-postgres";
    let program = std::env::current_exe().expect("a test is a program");
    match program.ancestors().nth(3) {
        Some(target) if !rustix::process::geteuid().is_root() => target.join(NAME),
        _ => std::env::temp_dir().join(NAME),
    }
}
