//! Opens the database: a configured one, or the embedded Postgres of the data folder.

use std::convert::Infallible;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use eqp_receiver::Metrics;
use eqp_store::internal::schema;
use eqp_store::{Reader, Store};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::embedded::{self, EmbeddedPostgres};
use crate::config::{DatabaseChoice, DatabaseUrl};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// The deadline for connecting to a database.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// The interval of attempts to connect to a database that was unavailable at startup.
const LATE_INTERVAL: Duration = Duration::from_secs(1);

/// When to run migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Migrate {
    /// Only if the database is embedded or has none of our tables. Any other database may be used by an older program
    /// too.
    WhenEmpty,
    /// Always.
    Always,
}

/// Whether to migrate an embedded database of an earlier version when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// Does not migrate, because nothing may be changed.
    No,
    /// Migrates, because no other program uses it.
    Embedded,
}

impl Upgrade {
    /// Returns the choice for a command, which must not migrate in a dry run.
    pub(crate) fn unless(dry_run: bool) -> Self {
        if dry_run { Self::No } else { Self::Embedded }
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    /// The embedded Postgres, which runs as long as this value exists.
    embedded: Option<EmbeddedPostgres>,
    /// The migrations to run once the database is available.
    late: Option<Migrate>,
    /// Shared with the receiver that uses the database.
    metrics: Metrics,
}

impl Database {
    /// Opens the database for reading. Creates no database.
    pub(crate) async fn open_to_read(context: &Context) -> Result<Self> {
        refuse_server(context)?;
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let database = Self::given(&url).await?;
                if schema::migrations(&database.pool).await?.iter().all(|step| step.applied) {
                    return Ok(database);
                }
                Err(eqp_store::Error::NotMigrated.into())
            }
            DatabaseChoice::Embedded => {
                let place = context.settings.data.place()?;
                if !place.join("postgres").is_dir() {
                    return Err(no_receiver(context)?);
                }
                Self::embedded(&context.settings.data.open()?.postgres(), context.output).await
            }
        }
    }

    /// Opens the database without creating or writing anything. Returns `None` if there is no database yet. An embedded one that is not
    /// running is started, and migrated if `upgrade` allows it.
    pub(crate) async fn open_to_look(context: &Context, upgrade: Upgrade) -> Result<Option<Self>> {
        let Some(database) = Self::find(context).await? else { return Ok(None) };
        if upgrade == Upgrade::Embedded && database.is_embedded() {
            let upgraded = Store::new(database.pool.clone()).migrate_if_earlier().await;
            if let Err(error) = upgraded {
                database.close().await?;
                return Err(error.into());
            }
        }
        Ok(Some(database))
    }

    /// Returns the connections to a configured database, or to an embedded one that is running. Connects when it is first used.
    pub(super) fn pool_if_running(context: &Context) -> Option<PgPool> {
        let options = match context.settings.database.resolve().ok()? {
            DatabaseChoice::Given(url) => url.connect_options().ok()?,
            DatabaseChoice::Embedded => embedded::running(&context.settings.data.look().ok()?.postgres())?,
        };
        Some(pool(options))
    }

    async fn find(context: &Context) -> Result<Option<Self>> {
        refuse_server(context)?;
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => Self::given(&url).await.map(Some),
            DatabaseChoice::Embedded => {
                let folder = context.settings.data.look()?.postgres();
                if !embedded::exists(&folder) {
                    return Ok(None);
                }
                let postgres = embedded::start(&folder, context.output).await?;
                // 3D000: the database does not exist, because the first start of the server was interrupted.
                match reach(&postgres.connect_options(embedded::DATABASE)).await {
                    Err(eqp_store::Error::DatabaseUnreachable(error))
                        if error.sqlstate().is_some_and(|code| code == "3D000") =>
                    {
                        postgres.stop().await?;
                        Ok(None)
                    }
                    reached => reached.map(|()| Some(Self::of_embedded(postgres))).map_err(Failure::from),
                }
            }
        }
    }

    /// Opens an existing database that has all tables, like [`open_to_look`](Self::open_to_look). Fails if there is
    /// none.
    pub(crate) async fn open_existing(context: &Context, upgrade: Upgrade) -> Result<Self> {
        let Some(database) = Self::open_to_look(context, upgrade).await? else { return Err(no_receiver(context)?) };
        match schema::migrations(&database.pool).await {
            Ok(steps) if steps.iter().all(|step| step.applied) => Ok(database),
            looked => {
                database.close().await?;
                Err(looked.err().unwrap_or(eqp_store::Error::NotMigrated).into())
            }
        }
    }

    /// Opens the database for writing, and migrates it.
    pub(crate) async fn open(context: &Context, migrate: Migrate) -> Result<Self> {
        refuse_server(context)?;
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let database = Self::given(&url).await?;
                database.migrate(migrate).await?;
                Ok(database)
            }
            DatabaseChoice::Embedded => Self::embedded(&context.settings.data.open()?.postgres(), context.output).await,
        }
    }

    /// Opens the database like [`open`](Self::open), but for a receiver, which can start without it. An unavailable database is returned
    /// with the reason.
    pub(crate) async fn open_to_receive(context: &Context, migrate: Migrate) -> Result<(Self, Option<Failure>)> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let options = url.connect_options()?;
                let mut database = Self::of(pool(options.clone()));
                let seen_to = match reach(&options).await {
                    Ok(()) => database.migrate(migrate).await,
                    Err(error) => Err(error),
                };
                match seen_to {
                    Err(error) if error.is_retryable() => {
                        tracing::debug!(%error, "database unavailable at start");
                        database.late = Some(migrate);
                        Ok((database, Some(error.into())))
                    }
                    outcome => Ok(outcome.map(|()| (database, None))?),
                }
            }
            DatabaseChoice::Embedded => {
                Self::embedded_to_receive(&context.settings.data.open()?.postgres(), context.output).await
            }
        }
    }

    async fn embedded_to_receive(folder: &Path, output: Output) -> Result<(Self, Option<Failure>)> {
        let (postgres, trouble) = embedded::start_or_go_on(folder, output).await?;
        let mut database = Self::of_embedded(postgres);
        let trouble = match trouble {
            Some(failure) => failure,
            None => match database.make_ready(Migrate::Always).await {
                // It became unavailable again.
                Err(failure) if failure.is_unreachable() => failure,
                outcome => return outcome.map(|()| (database, None)),
            },
        };
        tracing::error!(error = trouble.in_one_line(), "embedded Postgres unavailable, starting without it");
        database.late = Some(Migrate::Always);
        Ok((database, Some(trouble)))
    }

    /// Creates the database in the embedded Postgres, and runs migrations.
    async fn make_ready(&self, migrate: Migrate) -> Result {
        if let Some(postgres) = &self.embedded {
            postgres.ensure_database(embedded::DATABASE).await?;
        }
        Ok(self.migrate(migrate).await?)
    }

    async fn migrate(&self, migrate: Migrate) -> Result<(), eqp_store::Error> {
        let store = Store::new(self.pool.clone());
        match migrate {
            Migrate::WhenEmpty => store.migrate_if_empty().await,
            Migrate::Always => store.migrate().await,
        }
    }

    /// Opens and migrates the embedded Postgres of a folder, which is started if it is not running.
    pub(crate) async fn embedded(folder: &Path, output: Output) -> Result<Self> {
        let database = Self::embedded_as_it_is(folder, output).await?;
        Store::new(database.pool.clone()).migrate().await?;
        Ok(database)
    }

    /// Opens the embedded Postgres of a folder without migrating it.
    pub(crate) async fn embedded_as_it_is(folder: &Path, output: Output) -> Result<Self> {
        let postgres = embedded::start(folder, output).await?;
        postgres.ensure_database(embedded::DATABASE).await?;
        Ok(Self::of_embedded(postgres))
    }

    /// Connects to a database without migrating it.
    pub(crate) async fn given(url: &DatabaseUrl) -> Result<Self> {
        let options = url.connect_options()?;
        reach(&options).await?;
        Ok(Self::of(pool(options)))
    }

    fn of(pool: PgPool) -> Self {
        Self { pool, embedded: None, late: None, metrics: Metrics::default() }
    }

    fn of_embedded(postgres: EmbeddedPostgres) -> Self {
        let pool = pool(postgres.connect_options(embedded::DATABASE));
        Self { embedded: Some(postgres), ..Self::of(pool) }
    }

    /// Returns the connection pool.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Returns whether this is the embedded database.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Returns the metrics, for the receiver that uses the database.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns a reader of the database.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pool.clone())
    }

    /// Runs `work` while keeping the database available: an embedded one is restarted when it ends, and one that was unavailable at the
    /// start is migrated when it becomes available, until `stop`.
    pub(crate) async fn keeping_up<T>(&self, stop: &CancellationToken, work: impl Future<Output = T>) -> T {
        let upkeep = self
            .metrics
            .supervisor()
            .run_postgres(stop, || async { tokio::join!(self.keep_running(), self.make_ready_later()).0 });
        tokio::select! {
            done = work => done,
            Some(Some(never)) = stop.run_until_cancelled(upkeep) => match never {},
        }
    }

    async fn keep_running(&self) -> Infallible {
        match &self.embedded {
            Some(postgres) => postgres.keep_running().await,
            None => pending().await,
        }
    }

    async fn make_ready_later(&self) {
        let Some(migrate) = self.late else { return };
        while let Err(failure) = self.make_ready(migrate).await {
            // At level debug, because the receiver logs it too.
            tracing::debug!(error = failure.in_one_line(), "database not ready");
            tokio::time::sleep(LATE_INTERVAL).await;
        }
    }

    /// Closes the connections. An embedded database is stopped unless another process uses it.
    pub(crate) async fn close(self) -> Result {
        // A connection that is never returned must not keep Postgres running.
        let _ = tokio::time::timeout(CONNECT_DEADLINE, self.pool.close()).await;
        if let Some(postgres) = self.embedded {
            postgres.stop().await?;
        }
        Ok(())
    }
}

/// Connects without the pool, which would report only a timeout without the cause.
async fn reach(options: &PgConnectOptions) -> Result<(), eqp_store::Error> {
    let first = tokio::time::timeout(CONNECT_DEADLINE, PgConnection::connect_with(options)).await;
    let connected = first.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    // An error while closing the test connection does not matter.
    connected.map(drop).map_err(|error| eqp_store::Error::DatabaseUnreachable(error.into()))
}

/// Fails if a server is configured, because the command would work on the database of this machine instead.
fn refuse_server(context: &Context) -> Result {
    if context.settings.server.url.is_none() {
        return Ok(());
    }
    Err(Failure::usage("this command opens the database itself, and cannot call a server")
        .why("a server is configured with --server, EQP_SERVER_URL or the key server.url")
        .next("run it on the server, or on a machine that can reach the database, without the server URL"))
}

fn no_receiver(context: &Context) -> Result<Failure> {
    let place = context.settings.data.place()?;
    Ok(Failure::new(Exit::NotFound, format!("there is no database in the data folder {}", place.display()))
        .next("start a receiver with `eqp serve`, or set EQP_DATABASE_URL to an existing database")
        .next("or select another data folder with --data-dir"))
}

fn pool(options: PgConnectOptions) -> PgPool {
    let options = options.application_name("eqp");
    PgPoolOptions::new().max_connections(5).acquire_timeout(CONNECT_DEADLINE).connect_lazy_with(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn upkeep_that_panics_is_restarted_and_ends_nothing() {
        let database = Database::of(PgPoolOptions::new().connect_lazy("postgres://127.0.0.1:1/none").unwrap());
        let supervisor = database.metrics().supervisor();
        supervisor.arm("postgres");
        let work = async {
            while supervisor.is_armed("postgres") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            "done"
        };
        assert_eq!(database.keeping_up(&CancellationToken::new(), work).await, "done");
        assert!(database.metrics().text().contains("eqp_part_panics_total{part=\"postgres\"} 1"));
    }
}
