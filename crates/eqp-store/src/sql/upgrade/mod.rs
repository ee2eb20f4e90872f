//! Converts a database of version 0.1.
//!
//! The old schema is renamed to `eqp_0_1` and stays there. The new one is created beside it and filled, all in one
//! transaction. Afterwards every resource has to be projected again by the caller, because this version may decide some
//! reports differently; [`finish`] records that this has been done. Whenever the conversion is interrupted, [`observe`] shows
//! what remains, and calling the remaining steps again completes it.
//!
//! Queries are not checked at compile time here, because the database of a build does not have the old tables.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{PgPool, query, query_as, query_scalar, raw_sql};

use super::schema::{self, MIGRATIONS};
use crate::error::{Error, MigrationError};

/// The fingerprint of a master key, see [`MasterKey::fingerprint`](crate::MasterKey::fingerprint).
type MasterKeyFingerprint = [u8; 32];

/// The migrations of version 0.1. A database must have all of them.
const MIGRATIONS_OF_0_1: [i64; 10] = [1, 2, 3, 4, 5, 6, 8, 9, 10, 14];
/// The time that the conversion waits for programs that are using the tables.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// The comment on the old schema while the resources are not projected again, and afterwards.
const TO_REPROJECT: &str = "EQP 0.1, copied to the schema eqp; not projected again yet";
const CONVERTED: &str = "EQP 0.1, converted to the schema eqp; can be dropped";

/// The reason why a database was not converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The tables are not those of version 0.1, and no conversion is unfinished.
    #[error("the database is not from version 0.1, or its conversion is complete")]
    NotVersion0_1,
    /// Some migrations of version 0.1 are missing.
    #[error("the database does not have all tables of version 0.1; run the migrations of the last 0.1 release first")]
    Incomplete,
    /// Receivers of version 0.1 are running.
    #[error("{receivers} receivers of version 0.1 are using the database; stop them first")]
    ReceiversRunning {
        /// The number of running receivers.
        receivers: i64,
    },
    /// Another program holds a lock on the tables.
    #[error("another program is using the tables; stop it and try again")]
    Locked,
    /// The schema `eqp_0_1`, to which the old one would be renamed, already exists.
    #[error("the schema eqp_0_1 exists already; rename or drop it first")]
    SchemaExists,
    /// The database cannot be used, for the reason in the inner error.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for UpgradeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The step that a conversion continues with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeStep {
    /// Convert the tables. Nothing has been done yet.
    Convert,
    /// Project all resources again. The tables are converted.
    Reproject,
}

/// The conversion of a database of version 0.1: its next step, and the number of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpgradePlan {
    /// The first step that remains.
    pub step: UpgradeStep,
    /// The number of Marketplace accounts.
    pub accounts: i64,
    /// The number of endpoints, including retired ones.
    pub endpoints: i64,
    /// The number of credentials, including retired ones.
    pub credentials: i64,
    /// The number of callbacks.
    pub callbacks: i64,
    /// The number of events.
    pub events: i64,
    /// The number of handlers with a cursor.
    pub handlers: i64,
    /// The number of dead letters.
    pub dead_letters: i64,
    /// The fingerprint of the master key that the database belongs to, if it belongs to one.
    pub master_key: Option<MasterKeyFingerprint>,
}

/// Determines the remaining steps of a conversion, without changing anything.
///
/// # Errors
///
/// Returns [`UpgradeError::NotVersion0_1`] if nothing remains, and the errors of [`convert`] except [`UpgradeError::Locked`].
pub async fn observe(pool: &PgPool) -> Result<UpgradePlan, UpgradeError> {
    let mut connection = pool.acquire().await.map_err(Error::unreachable)?;
    let (step, old) = match schema::check(pool).await {
        Err(Error::PreviousVersion) => (UpgradeStep::Convert, "eqp"),
        Ok(()) if set_aside(&mut connection).await?.as_deref() == Some(TO_REPROJECT) => {
            (UpgradeStep::Reproject, "eqp_0_1")
        }
        Ok(()) | Err(Error::NotMigrated | Error::NewerSchema { .. }) => return Err(UpgradeError::NotVersion0_1),
        Err(error) => return Err(error.into()),
    };
    if step == UpgradeStep::Convert {
        check(&mut connection).await?;
    }
    counts(&mut connection, step, old).await
}

/// Converts the tables, in one transaction.
///
/// # Errors
///
/// Returns [`UpgradeError::Incomplete`], [`UpgradeError::ReceiversRunning`], [`UpgradeError::Locked`] or [`UpgradeError::SchemaExists`] if
/// the database cannot be converted now, and [`Error::OtherMasterKey`] if it does not belong to the key with this fingerprint.
pub async fn convert(pool: &PgPool, master_key: Option<&MasterKeyFingerprint>) -> Result<(), UpgradeError> {
    let mut transaction = pool.begin().await.map_err(Error::unreachable)?;
    let settings = format!("set local lock_timeout = {}; set local statement_timeout = 0", LOCK_TIMEOUT.as_millis());
    raw_sql(sqlx::AssertSqlSafe(settings)).execute(&mut *transaction).await?;
    lock(&mut transaction).await?;
    check(&mut transaction).await?;
    let bound: Option<Vec<u8>> =
        query_scalar("select master_key_fingerprint from eqp.instance").fetch_optional(&mut *transaction).await?;
    if let Some(bound) = bound
        && master_key.is_none_or(|ours| bound != ours.as_slice())
    {
        return Err(Error::OtherMasterKey.into());
    }
    query("alter schema eqp rename to eqp_0_1").execute(&mut *transaction).await?;
    MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| Error::Migrate(MigrationError(error)))?;
    raw_sql(include_str!("copy.sql")).execute(&mut *transaction).await?;
    comment(&mut transaction, TO_REPROJECT).await?;
    transaction.commit().await?;
    Ok(())
}

/// Records that all resources were projected again.
///
/// # Errors
///
/// Returns [`UpgradeError::Store`] if the query fails.
pub async fn finish(pool: &PgPool) -> Result<(), UpgradeError> {
    let mut connection = pool.acquire().await.map_err(Error::unreachable)?;
    Ok(comment(&mut connection, CONVERTED).await?)
}

/// Locks the tables, so that no receiver stores anything while they are copied.
async fn lock(connection: &mut PgConnection) -> Result<(), UpgradeError> {
    let locked = query("lock table eqp.receiver, eqp.credential, eqp.callback, eqp.callback_pending, eqp.projector")
        .execute(connection)
        .await;
    match locked {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => Err(UpgradeError::Locked),
        locked => Ok(locked.map(drop)?),
    }
}

/// Checks that the tables are complete and not in use.
async fn check(connection: &mut PgConnection) -> Result<(), UpgradeError> {
    let applied: Vec<i64> = query_scalar("select version from eqp._sqlx_migrations where success order by version")
        .fetch_all(&mut *connection)
        .await?;
    if applied != MIGRATIONS_OF_0_1 {
        return Err(UpgradeError::Incomplete);
    }
    // Receivers of version 0.1 write this every two seconds.
    let receivers: i64 = query_scalar("select count(*) from eqp.receiver where seen_at > now() - interval '10 s'")
        .fetch_one(&mut *connection)
        .await?;
    if receivers > 0 {
        return Err(UpgradeError::ReceiversRunning { receivers });
    }
    if set_aside(connection).await?.is_some() { Err(UpgradeError::SchemaExists) } else { Ok(()) }
}

/// Returns the comment on the schema that was set aside, if there is one.
async fn set_aside(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    query_scalar(
        "select coalesce(obj_description(oid, 'pg_namespace'), '') from pg_catalog.pg_namespace where nspname = 'eqp_0_1'",
    )
    .fetch_optional(connection)
    .await
}

async fn counts(connection: &mut PgConnection, step: UpgradeStep, old: &str) -> Result<UpgradePlan, UpgradeError> {
    type Row = (i64, i64, i64, i64, i64, i64, i64, Option<Vec<u8>>);
    let text = format!(
        "select (select count(*) from {old}.account), (select count(*) from {old}.endpoint),
                (select count(*) from {old}.credential), (select count(*) from {old}.callback),
                (select count(*) from {old}.event), (select count(*) from {old}.handler_cursor),
                (select count(*) from {old}.handler_dead_letter),
                (select master_key_fingerprint from {old}.instance)"
    );
    let row: Row = query_as(sqlx::AssertSqlSafe(text)).fetch_one(connection).await?;
    let (accounts, endpoints, credentials, callbacks, events, handlers, dead_letters, fingerprint) = row;
    let master_key = fingerprint.map(|bytes| bytes.try_into().expect("a check of the table gives it 32 bytes"));
    let plan =
        UpgradePlan { step, accounts, endpoints, credentials, callbacks, events, handlers, dead_letters, master_key };
    Ok(plan)
}

async fn comment(connection: &mut PgConnection, text: &str) -> Result<(), sqlx::Error> {
    // Utility statements have no parameters; both texts are constants without quotes.
    raw_sql(sqlx::AssertSqlSafe(format!("comment on schema eqp_0_1 is '{text}'"))).execute(connection).await.map(drop)
}
