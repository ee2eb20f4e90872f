//! The tables themselves: making them, and knowing whether they are there.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::timeout;

use crate::Error;
use crate::deadline::{ANSWER, within};

/// How long a database may take to let us in.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Compiled in from the crate's `migrations`; recorded in `eqp._sqlx_migrations`, apart from anybody else's.
static MIGRATIONS: Migrator = sqlx::migrate!();

/// Makes the receiver's tables, or brings them up to date; nothing happens where they are.
///
/// They are in the schema `eqp`. Whoever has other tables in the database should not connect as a role named `eqp`, or
/// only with a `search_path` without `$user`: unqualified names, sqlx's `_sqlx_migrations` among them, would be
/// looked up in this schema first.
///
/// # Errors
/// A database that cannot be reached, or refuses; a newer schema.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    match check(pool).await {
        Ok(()) => Ok(()),
        Err(Error::NotMigrated) => {
            let mut connection = pool.acquire().await.map_err(Error::DatabaseUnreachable)?;
            within(ANSWER, check_encoding(&mut connection)).await?;
            within(ANSWER, check_rights(&mut connection)).await?;
            drop(connection);
            Ok(MIGRATIONS.run(pool).await?)
        }
        Err(error) => Err(error),
    }
}

/// Whether any text can be stored as it came.
async fn check_encoding(connection: &mut PgConnection) -> Result<(), Error> {
    // Not checked at compile time, here and below: what Postgres says of itself depends on none of our tables.
    let encoding: String =
        sqlx::query_scalar("select current_setting('server_encoding')").fetch_one(connection).await?;
    if encoding == "UTF8" { Ok(()) } else { Err(Error::Encoding { encoding }) }
}

/// Whether this role may make tables.
async fn check_rights(connection: &mut PgConnection) -> Result<(), Error> {
    // That on the database is asked for also where the schema is there: `create schema if not exists` needs it.
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

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Every step that this program knows, in order, and whether the database has it.
///
/// # Errors
/// A database that cannot be reached, or refuses.
pub async fn migrations(pool: &PgPool) -> Result<Vec<Migration>, Error> {
    within(ANSWER, known_migrations(pool)).await
}

async fn known_migrations(pool: &PgPool) -> Result<Vec<Migration>, Error> {
    let mut connection = pool.acquire().await.map_err(Error::DatabaseUnreachable)?;
    check_encoding(&mut connection).await?;
    // Not checked at compile time, here and below: the table is sqlx's own and no migration makes it.
    let begun: bool = sqlx::query_scalar("select to_regclass('eqp._sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    let applied: Vec<i64> = if begun { applied(&mut connection).await? } else { Vec::new() };
    let mut known = all_migrations();
    for migration in &mut known {
        migration.applied = applied.contains(&migration.version);
    }
    Ok(known)
}

/// Every step that this program knows, in order, as in a database that has none of them.
#[must_use]
pub fn all_migrations() -> Vec<Migration> {
    let known = MIGRATIONS.iter().map(|migration| Migration {
        version: migration.version,
        description: migration.description.to_string(),
        applied: false,
    });
    known.collect()
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar("select version from eqp._sqlx_migrations where success").fetch_all(connection).await
}

/// Whether everything is there that this program needs, and takes writes.
pub(crate) async fn check(pool: &PgPool) -> Result<(), Error> {
    match state(pool).await? {
        State { read_only: true, .. } => Err(Error::DatabaseReadOnly),
        state => state.complete(),
    }
}

/// Whether there are tables to read; false where there are none at all. Those of another version are an error.
pub(crate) async fn has_tables(pool: &PgPool) -> Result<bool, Error> {
    let state = state(pool).await?;
    match state.applied {
        None => Ok(false),
        Some(_) => state.complete().map(|()| true),
    }
}

/// The tables as they are found.
struct State {
    read_only: bool,
    /// The steps that were made; none where no step was ever made.
    applied: Option<Vec<i64>>,
}

impl State {
    /// Whether everything is there that this program needs, and nothing newer.
    fn complete(&self) -> Result<(), Error> {
        let applied = self.applied.as_deref().ok_or(Error::NotMigrated)?;
        let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        let newest_known = known.iter().copied().max().unwrap_or_default();
        if let Some(found) = applied.iter().copied().filter(|version| *version > newest_known).max() {
            return Err(Error::NewerSchema { found, known: newest_known });
        }
        if known.iter().any(|version| !applied.contains(version)) { Err(Error::NotMigrated) } else { Ok(()) }
    }
}

async fn state(pool: &PgPool) -> Result<State, Error> {
    // Not from the pool, which would go on trying for as long as a connection may be waited for.
    let options = pool.connect_options();
    let connecting = timeout(CONNECT_DEADLINE, PgConnection::connect_with(&options));
    let connected = connecting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let connection = connected.map_err(Error::DatabaseUnreachable)?;
    within(ANSWER, state_on(connection)).await
}

async fn state_on(mut connection: PgConnection) -> Result<State, sqlx::Error> {
    let state = sqlx::query!(
        r#"select current_setting('transaction_read_only')::boolean as "read_only!",
                  to_regclass('eqp._sqlx_migrations') is not null as "migrated!""#
    )
    .fetch_one(&mut connection)
    .await?;
    let applied = if state.migrated { Some(applied(&mut connection).await?) } else { None };
    connection.close().await?;
    Ok(State { read_only: state.read_only, applied })
}
