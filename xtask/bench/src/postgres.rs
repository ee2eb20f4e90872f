//! The temporary Postgres of one benchmark, with the durability settings of the embedded one.

use std::fs;
use std::path::{Path, PathBuf};

use eqp_postgres::EmbeddedPostgres;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::Failure;

/// A running Postgres with `fsync` and `synchronous_commit`, on a Unix socket; removed on drop.
pub(crate) struct Postgres {
    /// `None` only during a restart.
    running: Option<EmbeddedPostgres>,
    folder: PathBuf,
}

impl Postgres {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let folder = eqp_postgres::temporary_folder()?;
        // From here on `drop` removes the folder.
        let mut postgres = Self { running: None, folder };
        postgres.running = Some(EmbeddedPostgres::builder(&postgres.folder).start().await?);
        Ok(postgres)
    }

    /// Returns the options to connect to a database.
    pub(crate) fn options(&self, database: &str) -> Result<PgConnectOptions, Failure> {
        let running = self.running.as_ref().ok_or("the Postgres is not running")?;
        Ok(running.connect_options(database))
    }

    /// Returns the URL of a database, which does not contain a secret.
    pub(crate) fn url(&self, database: &PgConnectOptions) -> Result<String, Failure> {
        let running = self.running.as_ref().ok_or("the Postgres is not running")?;
        Ok(running.url(database.get_database().ok_or("the database has no name")?))
    }

    /// Creates a database with the receiver's tables.
    pub(crate) async fn database(&self) -> Result<PgConnectOptions, Failure> {
        let name = format!("bench_{}", Uuid::new_v4().simple());
        execute(&self.options("postgres")?, format!("create database {name}")).await?;
        let options = self.options(&name)?;
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        eqp_store::Store::new(pool.clone()).migrate().await?;
        pool.close().await;
        Ok(options)
    }

    /// Drops a database.
    pub(crate) async fn drop_database(&self, database: &PgConnectOptions) -> Result<(), Failure> {
        let name = database.get_database().ok_or("the database has no name")?;
        execute(&self.options("postgres")?, format!("drop database {name} with (force)")).await
    }

    /// Restarts the server with a cold page cache.
    pub(crate) async fn restart_cold(&mut self) -> Result<(), Failure> {
        if let Some(running) = self.running.take() {
            running.stop().await?;
        }
        forget(&self.folder)?;
        self.running = Some(EmbeddedPostgres::builder(&self.folder).start().await?);
        Ok(())
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        if let Some(running) = self.running.take() {
            running.stop().await?;
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} stays: {error}", self.folder.display());
        }
    }
}

/// Returns the options to connect by the socket, for a process that did not start the server.
pub(crate) fn by_socket(folder: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(folder).port(5432).username("eqp").database(database)
}

/// Runs a statement that contains only generated text.
pub(crate) async fn execute(database: &PgConnectOptions, statement: String) -> Result<(), Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(connection.close().await?)
}

/// Evicts every page of the files below `folder` from the page cache. Unlike dropping the whole cache, this needs
/// only read permission and does not affect the rest of the machine. Dirty pages would stay in the cache, so
/// they are written first.
#[cfg(target_os = "linux")]
fn forget(folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            forget(&entry.path())?;
        } else if kind.is_file() {
            let file = fs::File::open(entry.path())?;
            file.sync_data()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn forget(_folder: &Path) -> Result<(), Failure> {
    Err("single files can be evicted from the system's cache on Linux only".into())
}
