//! The entry point of the crate: one database of a receiver, connected, migrated and checked.

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::sql::schema;
use crate::{Endpoints, Error, MasterKey, Reader};

/// The database of a receiver. Cheap to clone; all clones share one connection pool.
///
/// ```no_run
/// use eqp_store::{EventFilter, Store};
///
/// # async fn example() -> Result<(), eqp_store::Error> {
/// let store = Store::open("postgres://eqp@db.example.com/eqp").await?;
/// store.check().await?;
/// for event in store.reader().events(&EventFilter::default()).await? {
///     println!("{} {:?}", event.seq, event.status);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # TLS
///
/// This crate does not choose a TLS stack. For a URL with `sslmode=require`, enable one of the `tls-…` features of `sqlx` in your
/// own `Cargo.toml`.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects to the database at `url`, with the default settings of a pool.
    ///
    /// To choose the size of the pool or other settings, create a pool and pass it to [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// Returns [`Error::DatabaseUrl`] if the URL is malformed, and [`Error::DatabaseUnreachable`] if no connection was established
    /// within five seconds.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| Error::DatabaseUrl(error.into()))?;
        let pool = PgPoolOptions::new().connect_lazy_with(options);
        schema::check_connection(&pool).await?;
        Ok(Self { pool })
    }

    /// Creates a store that uses an existing connection pool. Does not connect.
    ///
    /// The tables are in the schema `eqp`, so they can share a database with the tables of another service.
    ///
    /// ```no_run
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), eqp_store::Error> {
    /// eqp_store::Store::new(pool).migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Creates the tables, or applies the migrations that the database does not have yet. Does nothing if it has all of them.
    ///
    /// The tables are in the schema `eqp`. If the database contains other tables as well, do not connect as a role named `eqp`,
    /// or set a `search_path` without `$user`: Postgres would look up unqualified names, such as sqlx's own `_sqlx_migrations`, in
    /// this schema first.
    ///
    /// # Errors
    ///
    /// Returns [`Error::PreviousVersion`] or [`Error::NewerSchema`] if the tables belong to another version,
    /// [`Error::Encoding`] or [`Error::MissingRights`] if the tables cannot be created in this database,
    /// [`Error::DatabaseReadOnly`] on a standby, [`Error::Migrate`] if a migration fails, and [`Error::DatabaseUnreachable`] or
    /// [`Error::Database`] if the database does not answer.
    pub async fn migrate(&self) -> Result<(), Error> {
        schema::migrate(&self.pool).await
    }

    /// Creates the tables in a database that has none of them, and leaves any other database unchanged, because an
    /// older program may share it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`migrate`](Self::migrate).
    pub async fn migrate_if_empty(&self) -> Result<(), Error> {
        schema::migrate_if_empty(&self.pool).await
    }

    /// Applies the missing migrations to the tables of an earlier version, and creates none in an empty database.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`migrate`](Self::migrate).
    pub async fn migrate_if_earlier(&self) -> Result<(), Error> {
        schema::migrate_if_earlier(&self.pool).await
    }

    /// Checks that the database has all tables of this version and accepts writes.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotMigrated`], [`Error::PreviousVersion`] or [`Error::NewerSchema`] if the tables do not match,
    /// [`Error::DatabaseReadOnly`] if the database does not accept writes, and [`Error::DatabaseUnreachable`] or
    /// [`Error::Database`] if it does not answer.
    pub async fn check(&self) -> Result<(), Error> {
        schema::check(&self.pool).await
    }

    /// Returns a reader of the events, submissions, files and callbacks in this database.
    pub fn reader(&self) -> Reader {
        Reader::new(self.pool.clone())
    }

    /// Opens the endpoints of this database, whose credentials are protected by `key`. The first call for a new database ties
    /// the database to this key.
    ///
    /// ```no_run
    /// use eqp_store::{MasterKey, Store};
    ///
    /// # async fn example(store: Store) -> Result<(), eqp_store::Error> {
    /// let key = MasterKey::open("/var/lib/shop/eqp-master.key".as_ref())?;
    /// for endpoint in store.endpoints(key).await?.list().await? {
    ///     println!("{} {}", endpoint.name, endpoint.public_url);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::OtherMasterKey`] if the database belongs to another key, and the errors of [`check`](Self::check).
    pub async fn endpoints(&self, key: MasterKey) -> Result<Endpoints, Error> {
        Endpoints::open(self.pool.clone(), key).await
    }

    /// Returns the connection pool of this store.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}
