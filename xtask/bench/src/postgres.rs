//! A private Postgres for one row: durable as the product's own, gone when the row is done.

use std::fs;
use std::path::{Path, PathBuf};

use eqp_postgres::EmbeddedPostgres;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::Failure;

/// A running Postgres with `fsync` and `synchronous_commit` on, reached by a Unix socket.
pub(crate) struct Postgres {
    /// None only while it is restarted.
    running: Option<EmbeddedPostgres>,
    folder: PathBuf,
}

impl Postgres {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let folder = eqp_postgres::temporary_folder()?;
        // From here on the folder is removed, come what may.
        let mut postgres = Self { running: None, folder };
        postgres.running = Some(EmbeddedPostgres::builder(&postgres.folder).start().await?);
        Ok(postgres)
    }

    /// How to connect to one of its databases.
    pub(crate) fn options(&self, database: &str) -> Result<PgConnectOptions, Failure> {
        let running = self.running.as_ref().ok_or("the Postgres is not running")?;
        Ok(running.connect_options(database))
    }

    /// The same as an URL, which holds no secret.
    pub(crate) fn url(&self, database: &PgConnectOptions) -> Result<String, Failure> {
        let running = self.running.as_ref().ok_or("the Postgres is not running")?;
        Ok(running.url(database.get_database().unwrap_or_default()))
    }

    /// A new database with the receiver's tables.
    pub(crate) async fn database(&self) -> Result<PgConnectOptions, Failure> {
        let name = format!("bench_{}", Uuid::new_v4().simple());
        execute(&self.options("postgres")?, format!("create database {name}")).await?;
        let options = self.options(&name)?;
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        eqp_receiver::migrate(&pool).await?;
        pool.close().await;
        Ok(options)
    }

    /// Drops a database that is no longer wanted.
    pub(crate) async fn drop_database(&self, database: &PgConnectOptions) -> Result<(), Failure> {
        let name = database.get_database().unwrap_or_default();
        execute(&self.options("postgres")?, format!("drop database {name} with (force)")).await
    }

    /// Stops it, lets the system forget what it remembers of its files, and starts it again.
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

/// How to connect to a database by the socket of such a Postgres, in a process that did not start it.
pub(crate) fn by_socket(folder: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(folder).port(5432).username("eqp").database(database)
}

/// Runs one statement that holds only what was made here.
pub(crate) async fn execute(database: &PgConnectOptions, statement: String) -> Result<(), Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(connection.close().await?)
}

/// Takes every page of the files below `folder` out of the system's cache. Unlike dropping the whole cache this needs no
/// rights beyond reading them, and leaves the rest of the machine as it is. What is not on disk yet would stay, so it
/// is written first.
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
    Err("only on Linux can single files be taken out of the system's cache".into())
}
