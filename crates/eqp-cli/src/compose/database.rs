//! The database: a given one, or the embedded Postgres of the data folder.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use eqp_postgres::{EmbeddedPostgres, Progress};
use eqp_receiver::{PgConnectOptions, Reader};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::config::DatabaseChoice;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Output;

/// How long a database may take to let us in.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
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

/// A database in use.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    /// Runs as long as we do.
    embedded: Option<EmbeddedPostgres>,
}

impl Database {
    /// Opens the database to read what a receiver has kept. Nothing is made that is not there.
    pub(crate) async fn open_to_read(context: &Context) -> Outcome<Self> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let database = Self::given(url.expose()).await?;
                if eqp_receiver::migrations(&database.pool).await?.iter().all(|step| step.applied) {
                    return Ok(database);
                }
                Err(eqp_receiver::Error::NotMigrated.into())
            }
            DatabaseChoice::Embedded => {
                let place = context.settings.data.place()?;
                if !place.join("postgres").is_dir() {
                    return Err(Failure::new(
                        Exit::NotFound,
                        format!("no receiver has run with the data folder {}", place.display()),
                    )
                    .next("eqp serve starts one; EQP_DATABASE_URL names a database of another")
                    .next("--data-dir names another data folder"));
                }
                Self::embedded(&context.settings.data.open()?.postgres(), context.output).await
            }
        }
    }

    /// Opens the database to write, and sees to its tables.
    pub(crate) async fn open(context: &Context, migrate: Migrate) -> Outcome<Self> {
        match context.settings.database.resolve()? {
            DatabaseChoice::Given(url) => {
                let database = Self::given(url.expose()).await?;
                database.see_to_tables(migrate).await?;
                Ok(database)
            }
            DatabaseChoice::Embedded => Self::embedded(&context.settings.data.open()?.postgres(), context.output).await,
        }
    }

    /// Opens the database for a receiver: as [`open`](Self::open) does, but one that cannot be reached is left to the
    /// receiver, which may do without it for a while.
    pub(crate) async fn open_to_receive(context: &Context, migrate: Migrate) -> Outcome<Self> {
        if let DatabaseChoice::Given(url) = context.settings.database.resolve()? {
            let options = read(url.expose())?;
            let database = Self { pool: pool(options.clone()), embedded: None };
            if let Err(error) = reach(&options).await {
                tracing::debug!(%error, "the database is not there yet");
                return Ok(database);
            }
            return match database.see_to_tables(migrate).await {
                // It went away again meanwhile.
                Err(error) if error.is_retryable() => {
                    tracing::debug!(%error, "the database is there no longer");
                    Ok(database)
                }
                outcome => Ok(outcome.map(|()| database)?),
            };
        }
        Self::open(context, migrate).await
    }

    async fn see_to_tables(&self, migrate: Migrate) -> Result<(), eqp_receiver::Error> {
        let steps = eqp_receiver::migrations(&self.pool).await?;
        if migrate == Migrate::Always || !steps.iter().any(|step| step.applied) {
            eqp_receiver::migrate(&self.pool).await?;
        }
        Ok(())
    }

    /// Opens the embedded Postgres of a folder: started, or joined where it runs, with its tables up to date.
    pub(crate) async fn embedded(folder: &Path, output: Output) -> Outcome<Self> {
        let database = Self::embedded_as_it_is(folder, output).await?;
        eqp_receiver::migrate(&database.pool).await?;
        Ok(database)
    }

    /// Opens the embedded Postgres of a folder with whatever tables it has.
    pub(crate) async fn embedded_as_it_is(folder: &Path, output: Output) -> Outcome<Self> {
        let postgres = EmbeddedPostgres::builder(folder)
            .progress(move |progress| {
                if let Some(note) = note(&progress) {
                    output.note(note);
                }
            })
            .start()
            .await?;
        postgres.ensure_database(EMBEDDED_DATABASE).await?;
        let pool = pool(postgres.connect_options(EMBEDDED_DATABASE));
        Ok(Self { pool, embedded: Some(postgres) })
    }

    /// Connects to a database without looking into it.
    pub(crate) async fn given(url: &str) -> Outcome<Self> {
        let options = read(url)?;
        reach(&options).await?;
        Ok(Self { pool: pool(options), embedded: None })
    }

    /// Its connections.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether it is the embedded one.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Questions to it.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.pool.clone())
    }

    /// Does what needs the database all the time: an embedded one that ends meanwhile is started again, until `stop`.
    pub(crate) async fn keeping_up<T>(&self, stop: &CancellationToken, work: impl Future<Output = T>) -> T {
        let Some(postgres) = &self.embedded else { return work.await };
        tokio::select! {
            done = work => done,
            Some(never) = stop.run_until_cancelled(postgres.keep_running()) => match never {},
        }
    }

    /// Leaves it; the embedded one is stopped if nobody else uses it.
    pub(crate) async fn close(self) -> Outcome {
        self.pool.close().await;
        if let Some(postgres) = self.embedded {
            postgres.stop().await?;
        }
        Ok(())
    }
}

fn read(url: &str) -> Outcome<PgConnectOptions> {
    PgConnectOptions::from_str(url).map_err(|_| {
        // Why is not said: the message could repeat a password.
        Failure::usage("the database's URL cannot be read").next("write it like postgres://user@host:5432/database")
    })
}

/// Beside the pool, which would try until its deadline and then not tell why.
async fn reach(options: &PgConnectOptions) -> Result<(), eqp_receiver::Error> {
    let first = tokio::time::timeout(CONNECT_DEADLINE, PgConnection::connect_with(options)).await;
    let connected = first.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    // It has told what it was asked for; how it ends does not matter.
    connected.map(drop).map_err(eqp_receiver::Error::DatabaseUnreachable)
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
