//! The database: a given one, or the embedded Postgres of the data folder.

use std::convert::Infallible;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use eqp_postgres::{Builder, EmbeddedPostgres, Progress};
use eqp_receiver::{Metrics, PgConnectOptions, Reader};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::config::{DatabaseChoice, DatabaseUrl};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;

/// How long a database may take to let us in.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long a receiver that can do without its embedded Postgres waits for it.
const EMBEDDED_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether a database is there that was away at the start.
const LATE_INTERVAL: Duration = Duration::from_secs(1);
/// The database inside the embedded Postgres.
const EMBEDDED_DATABASE: &str = "eqp";

/// When the tables of a database are made or brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Migrate {
    /// In a database that is embedded or has none of our tables: others may share one with an older program.
    WhenEmpty,
    /// Always.
    Always,
}

/// Whether an embedded database that a program before this one made is brought up to date when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// It stays as it is: nothing may be changed.
    No,
    /// It is, since nobody else uses it.
    Embedded,
}

impl Upgrade {
    /// A dry run changes nothing.
    pub(crate) fn unless(dry_run: bool) -> Self {
        if dry_run { Self::No } else { Self::Embedded }
    }
}

/// A database in use.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    /// Runs as long as we do.
    embedded: Option<EmbeddedPostgres>,
    /// How to see to its tables, where that could not be done yet.
    late: Option<Migrate>,
    /// Counted by what keeps it running, and by the receiver that uses it.
    metrics: Metrics,
}

impl Database {
    /// Opens the database to read what a receiver has kept. Nothing is made that is not there.
    pub(crate) async fn open_to_read(context: &Context) -> Outcome<Self> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let database = Self::given(&url).await?;
                if eqp_receiver::migrations(&database.pool).await?.iter().all(|step| step.applied) {
                    return Ok(database);
                }
                Err(eqp_receiver::Error::NotMigrated.into())
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

    /// Opens the database for what must change nothing: nothing is made or written. None where there is no database yet. An
    /// embedded one that does not run is started; its tables are brought up to date only if that may be.
    pub(crate) async fn open_to_look(context: &Context, upgrade: Upgrade) -> Outcome<Option<Self>> {
        let Some(database) = Self::find(context).await? else { return Ok(None) };
        if upgrade == Upgrade::Embedded && database.is_embedded() {
            let upgraded = database.upgrade().await;
            if let Err(error) = upgraded {
                database.close().await?;
                return Err(error.into());
            }
        }
        Ok(Some(database))
    }

    /// Brings tables of an earlier version up to date; makes none.
    async fn upgrade(&self) -> Result<(), eqp_receiver::Error> {
        let steps = eqp_receiver::migrations(&self.pool).await?;
        let is_earlier = steps.iter().any(|step| step.applied) && steps.iter().any(|step| !step.applied);
        if is_earlier { eqp_receiver::migrate(&self.pool).await } else { Ok(()) }
    }

    async fn find(context: &Context) -> Outcome<Option<Self>> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => Self::given(&url).await.map(Some),
            DatabaseChoice::Embedded => {
                let folder = context.settings.data.look()?.postgres();
                if !EmbeddedPostgres::is_in(&folder) {
                    return Ok(None);
                }
                let postgres = builder(&folder, context.output).start().await?;
                match reach(&postgres.connect_options(EMBEDDED_DATABASE)).await {
                    Err(eqp_receiver::Error::DatabaseUnreachable(error)) if is_no_database(&error) => {
                        postgres.stop().await?;
                        Ok(None)
                    }
                    reached => reached.map(|()| Some(Self::of_embedded(postgres))).map_err(Failure::from),
                }
            }
        }
    }

    /// Opens the database for work on what a receiver has stored: as [`open_to_look`](Self::open_to_look) does, but there has
    /// to be one, with all its tables.
    pub(crate) async fn open_existing(context: &Context, upgrade: Upgrade) -> Outcome<Self> {
        let Some(database) = Self::open_to_look(context, upgrade).await? else { return Err(no_receiver(context)?) };
        match eqp_receiver::migrations(&database.pool).await {
            Ok(steps) if steps.iter().all(|step| step.applied) => Ok(database),
            looked => {
                database.close().await?;
                Err(looked.err().unwrap_or(eqp_receiver::Error::NotMigrated).into())
            }
        }
    }

    /// Opens the database to write, and sees to its tables.
    pub(crate) async fn open(context: &Context, migrate: Migrate) -> Outcome<Self> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let database = Self::given(&url).await?;
                database.see_to_tables(migrate).await?;
                Ok(database)
            }
            DatabaseChoice::Embedded => Self::embedded(&context.settings.data.open()?.postgres(), context.output).await,
        }
    }

    /// Opens the database for a receiver, which may do without it for a while: as [`open`](Self::open) does, but one that
    /// is not there yet is given all the same, with what is known of why.
    pub(crate) async fn open_to_receive(context: &Context, migrate: Migrate) -> Outcome<(Self, Option<Failure>)> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let options = url.connect_options()?;
                let mut database = Self::of(pool(options.clone()));
                let seen_to = match reach(&options).await {
                    Ok(()) => database.see_to_tables(migrate).await,
                    Err(error) => Err(error),
                };
                match seen_to {
                    Err(error) if error.is_retryable() => {
                        tracing::debug!(%error, "the database is not there yet");
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

    async fn embedded_to_receive(folder: &Path, output: Output) -> Outcome<(Self, Option<Failure>)> {
        let (postgres, trouble) = builder(folder, output).start_or_go_on(EMBEDDED_PATIENCE).await?;
        let mut database = Self::of_embedded(postgres);
        let trouble = match trouble {
            Some(error) => Failure::from(error),
            None => match database.make_ready(Migrate::Always).await {
                // It went away again meanwhile.
                Err(failure) if failure.is_unreachable() => failure,
                outcome => return outcome.map(|()| (database, None)),
            },
        };
        tracing::error!(error = trouble.in_one_line(), "the embedded Postgres does not run; going on without it");
        database.late = Some(Migrate::Always);
        Ok((database, Some(trouble)))
    }

    /// Makes what has to be in the database before it is used.
    async fn make_ready(&self, migrate: Migrate) -> Outcome {
        if let Some(postgres) = &self.embedded {
            postgres.ensure_database(EMBEDDED_DATABASE).await?;
        }
        Ok(self.see_to_tables(migrate).await?)
    }

    async fn see_to_tables(&self, migrate: Migrate) -> Result<(), eqp_receiver::Error> {
        let stays_as_it_is = migrate == Migrate::WhenEmpty
            && eqp_receiver::migrations(&self.pool).await?.iter().any(|step| step.applied);
        if stays_as_it_is { Ok(()) } else { eqp_receiver::migrate(&self.pool).await }
    }

    /// Opens the embedded Postgres of a folder: started, or joined where it runs, with its tables up to date.
    pub(crate) async fn embedded(folder: &Path, output: Output) -> Outcome<Self> {
        let database = Self::embedded_as_it_is(folder, output).await?;
        eqp_receiver::migrate(&database.pool).await?;
        Ok(database)
    }

    /// Opens the embedded Postgres of a folder with whatever tables it has.
    pub(crate) async fn embedded_as_it_is(folder: &Path, output: Output) -> Outcome<Self> {
        let postgres = builder(folder, output).start().await?;
        postgres.ensure_database(EMBEDDED_DATABASE).await?;
        Ok(Self::of_embedded(postgres))
    }

    /// Connects to a database without looking into it.
    pub(crate) async fn given(url: &DatabaseUrl) -> Outcome<Self> {
        let options = url.connect_options()?;
        reach(&options).await?;
        Ok(Self::of(pool(options)))
    }

    fn of(pool: PgPool) -> Self {
        Self { pool, embedded: None, late: None, metrics: Metrics::default() }
    }

    fn of_embedded(postgres: EmbeddedPostgres) -> Self {
        let pool = pool(postgres.connect_options(EMBEDDED_DATABASE));
        Self { embedded: Some(postgres), ..Self::of(pool) }
    }

    /// Its connections.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether it is the embedded one.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// What is counted of it, for the receiver that uses it.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Questions to it.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pool.clone())
    }

    /// Does what needs the database all the time: an embedded one that does not run, or ends meanwhile, is started again, and
    /// one that was not there at the start is seen to when it comes, until `stop`.
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
            // The receiver tells of it, too.
            tracing::debug!(error = failure.in_one_line(), "the database is not ready yet");
            tokio::time::sleep(LATE_INTERVAL).await;
        }
    }

    /// Leaves it; the embedded one is stopped if nobody else uses it.
    pub(crate) async fn close(self) -> Outcome {
        // A connection that nobody gives back must not keep Postgres running.
        let _ = tokio::time::timeout(CONNECT_DEADLINE, self.pool.close()).await;
        if let Some(postgres) = self.embedded {
            postgres.stop().await?;
        }
        Ok(())
    }
}

fn builder(folder: &Path, output: Output) -> Builder {
    EmbeddedPostgres::builder(folder).progress(move |progress| {
        if let Some(note) = note(&progress) {
            output.note(note);
        }
    })
}

/// Beside the pool, which would try until its deadline and then not tell why.
async fn reach(options: &PgConnectOptions) -> Result<(), eqp_receiver::Error> {
    let first = tokio::time::timeout(CONNECT_DEADLINE, PgConnection::connect_with(options)).await;
    let connected = first.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    // It has told what it was asked for; how it ends does not matter.
    connected.map(drop).map_err(eqp_receiver::Error::DatabaseUnreachable)
}

fn no_receiver(context: &Context) -> Outcome<Failure> {
    let place = context.settings.data.place()?;
    Ok(Failure::new(Exit::NotFound, format!("no receiver has run with the data folder {}", place.display()))
        .next("eqp serve starts one; EQP_DATABASE_URL names a database of another")
        .next("--data-dir names another data folder"))
}

/// A server whose first start was cut off before its database was made.
fn is_no_database(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "3D000")
}

fn pool(options: PgConnectOptions) -> PgPool {
    let options = options.application_name("eqp");
    PgPoolOptions::new().max_connections(5).acquire_timeout(CONNECT_DEADLINE).connect_lazy_with(options)
}

fn note(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Fetching { source } => Some(format!("no Postgres is installed; fetching one from {source} (once)")),
        Progress::SourceFailed { source, reason } => Some(format!("{source} could not give one: {reason}")),
        Progress::Recovering => Some("Postgres was not stopped properly; it is replaying its log".to_owned()),
        _ => None,
    }
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
