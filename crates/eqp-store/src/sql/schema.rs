//! Creates and migrates the tables, and checks that they are those of this version.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::timeout;

use crate::deadline::{ANSWER, within};
use crate::error::{Error, MigrationError};

/// The time limit for connecting to the database.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The description of the first migration of version 0.1, which recorded its migrations in the same table, with numbers that have another
/// meaning now.
const FIRST_OF_VERSION_0_1: &str = "accounts and endpoints";

/// The migrations in the folder `migrations`, recorded in `eqp._sqlx_migrations` and so separate from those of other programs.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!();

/// Creates the receiver's tables, or applies the migrations that are missing.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    match check(pool).await {
        Ok(()) => Ok(()),
        Err(Error::NotMigrated) => {
            let mut connection = pool.acquire().await.map_err(Error::unreachable)?;
            within(ANSWER, check_encoding(&mut connection)).await?;
            within(ANSWER, check_privileges(&mut connection)).await?;
            drop(connection);
            MIGRATIONS.run(pool).await.map_err(|error| Error::Migrate(MigrationError(error)))
        }
        Err(error) => Err(error),
    }
}

/// Creates the tables in a database that has none of them, and leaves any other database unchanged, because an older
/// program may share it.
pub(crate) async fn migrate_if_empty(pool: &PgPool) -> Result<(), Error> {
    let is_in_use = migrations(pool).await?.iter().any(|step| step.applied);
    if is_in_use { Ok(()) } else { migrate(pool).await }
}

/// Applies the missing migrations to the tables of an earlier version, and creates none in an empty database.
pub(crate) async fn migrate_if_earlier(pool: &PgPool) -> Result<(), Error> {
    let steps = migrations(pool).await?;
    let is_earlier = steps.iter().any(|step| step.applied) && steps.iter().any(|step| !step.applied);
    if is_earlier { migrate(pool).await } else { Ok(()) }
}

/// Checks that the database can store any text.
async fn check_encoding(connection: &mut PgConnection) -> Result<(), Error> {
    // Not checked at compile time, here and below, because these queries do not use our tables.
    let encoding: String =
        sqlx::query_scalar("select current_setting('server_encoding')").fetch_one(connection).await?;
    if encoding == "UTF8" { Ok(()) } else { Err(Error::Encoding { encoding }) }
}

/// Checks that the role may create tables.
async fn check_privileges(connection: &mut PgConnection) -> Result<(), Error> {
    // The privilege on the database is required even if the schema exists, for `create schema if not exists`.
    let (role, database, in_database, in_schema): (String, String, bool, bool) = sqlx::query_as(
        "select quote_ident(current_user), quote_ident(current_database()),
                has_database_privilege(current_database(), 'create'),
                coalesce(has_schema_privilege(to_regnamespace('eqp'), 'create'), true)",
    )
    .fetch_one(connection)
    .await?;
    match (in_database, in_schema) {
        (true, true) => Ok(()),
        (false, _) => Err(Error::MissingRights { role, target: format!("database {database}") }),
        (true, false) => Err(Error::MissingRights { role, target: "schema eqp".to_owned() }),
    }
}

/// A migration of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The number of the migration.
    pub version: i64,
    /// The description of the migration.
    pub description: String,
    /// Whether it is applied in the database.
    pub applied: bool,
}

/// Returns all migrations of this version, in order, and whether the database has them.
///
/// # Errors
///
/// Returns [`Error::PreviousVersion`] if the tables are those of version 0.1, [`Error::Encoding`] if the database cannot have the
/// tables, and [`Error::DatabaseUnreachable`] or [`Error::Database`] if it does not answer.
pub async fn migrations(pool: &PgPool) -> Result<Vec<Migration>, Error> {
    within(ANSWER, known_migrations(pool)).await
}

async fn known_migrations(pool: &PgPool) -> Result<Vec<Migration>, Error> {
    let mut connection = pool.acquire().await.map_err(Error::unreachable)?;
    check_encoding(&mut connection).await?;
    // Not checked at compile time, here and below, because sqlx itself creates this table.
    let begun: bool = sqlx::query_scalar("select to_regclass('eqp._sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    let applied = if begun { applied(&mut connection).await? } else { Applied::default() };
    if applied.previous_version {
        return Err(Error::PreviousVersion);
    }
    let mut known = all_migrations();
    for migration in &mut known {
        migration.applied = applied.versions.contains(&migration.version);
    }
    Ok(known)
}

/// Returns all migrations of this version, in order, none of them applied.
#[must_use]
pub fn all_migrations() -> Vec<Migration> {
    let known = MIGRATIONS.iter().map(|migration| Migration {
        version: migration.version,
        description: migration.description.to_string(),
        applied: false,
    });
    known.collect()
}

/// The migrations that a database records.
#[derive(Default)]
struct Applied {
    versions: Vec<i64>,
    /// Whether they are those of version 0.1.
    previous_version: bool,
}

async fn applied(connection: &mut PgConnection) -> Result<Applied, sqlx::Error> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select version, description from eqp._sqlx_migrations where success")
            .fetch_all(connection)
            .await?;
    let previous_version = rows.iter().any(|(version, text)| *version == 1 && text == FIRST_OF_VERSION_0_1);
    Ok(Applied { versions: rows.into_iter().map(|(version, _)| version).collect(), previous_version })
}

/// Checks that the database has all tables of this version and accepts writes.
pub async fn check(pool: &PgPool) -> Result<(), Error> {
    match state(pool).await? {
        State { read_only: true, .. } => Err(Error::DatabaseReadOnly),
        state => state.complete(),
    }
}

/// Returns whether the database has the tables. Tables of another version are an error.
pub async fn has_tables(pool: &PgPool) -> Result<bool, Error> {
    let state = state(pool).await?;
    match state.applied {
        None => Ok(false),
        Some(_) => state.complete().map(|()| true),
    }
}

/// The state of the schema.
struct State {
    read_only: bool,
    /// The applied migrations, or none if none was ever applied.
    applied: Option<Applied>,
}

impl State {
    /// Checks that exactly the migrations of this version are applied.
    fn complete(&self) -> Result<(), Error> {
        let applied = self.applied.as_ref().ok_or(Error::NotMigrated)?;
        if applied.previous_version {
            return Err(Error::PreviousVersion);
        }
        let applied = &applied.versions;
        let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        let newest_known = known.iter().copied().max().expect("there is a first migration");
        if let Some(found) = applied.iter().copied().filter(|version| *version > newest_known).max() {
            return Err(Error::NewerSchema { found, known: newest_known });
        }
        if known.iter().any(|version| !applied.contains(version)) { Err(Error::NotMigrated) } else { Ok(()) }
    }
}

/// Checks that a connection can be established.
pub(crate) async fn check_connection(pool: &PgPool) -> Result<(), Error> {
    let connection = connect(pool).await?;
    within(ANSWER, connection.close()).await
}

/// Connects without the pool, which would retry until its timeout and then hide the reason.
async fn connect(pool: &PgPool) -> Result<PgConnection, Error> {
    let options = pool.connect_options();
    let connecting = timeout(CONNECT_DEADLINE, PgConnection::connect_with(&options));
    connecting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Error::unreachable)
}

async fn state(pool: &PgPool) -> Result<State, Error> {
    let connection = connect(pool).await?;
    within(ANSWER, state_on(connection)).await
}

async fn state_on(mut connection: PgConnection) -> Result<State, sqlx::Error> {
    let state = sqlx::query!(
        r#"select current_setting('transaction_read_only')::boolean as "read_only!",
                  to_regclass('eqp._sqlx_migrations') is not null as "migrated!""#
    )
    .fetch_one(&mut connection)
    .await?;
    let recorded = if state.migrated { applied(&mut connection).await? } else { Applied::default() };
    connection.close().await?;
    // A first migration that failed leaves the table of migrations empty.
    let applied = (!recorded.versions.is_empty()).then_some(recorded);
    Ok(State { read_only: state.read_only, applied })
}
