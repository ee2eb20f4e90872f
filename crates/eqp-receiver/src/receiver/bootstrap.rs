//! Loads the endpoints that a receiver needs to start: from the database or, while it is down, from the spool.

use sqlx::PgPool;
use uuid::Uuid;

use crate::endpoint::credential_cache::CredentialCache;
use crate::endpoint::snapshot::index;
use crate::spool::snapshot::Snapshot;
use crate::spool::{Level, Spool, SpoolSettings};
use crate::{Error, MasterKey};
use eqp_store::internal as store;
use eqp_store::internal::Supervisor;
use eqp_store::internal::{ANSWER, within};

/// The state that a receiver starts with.
pub(super) struct Bootstrap {
    pub(super) credentials: CredentialCache,
    /// The ID of the database that callbacks belong to.
    pub(super) instance: Uuid,
    pub(super) spool: Option<Spool>,
    /// The endpoints that are stored in the spool.
    pub(super) snapshot: Option<Snapshot>,
}

impl Bootstrap {
    /// Reads the database or, if it cannot be reached or is read-only, the spool.
    pub(super) async fn load(
        pool: &PgPool,
        key: MasterKey,
        spool: Option<&SpoolSettings>,
        supervisor: &Supervisor,
    ) -> Result<Self, Error> {
        let Some(settings) = spool else {
            let (credentials, instance) = from_database(pool, key).await?;
            return Ok(Self { credentials, instance, spool: None, snapshot: None });
        };
        let (spool, metadata) = Spool::open(settings, supervisor).await?;
        let snapshot = metadata.snapshot.as_deref().and_then(Snapshot::read);
        let loaded = match from_database(pool, key.clone()).await {
            Ok((credentials, instance)) => {
                bind(&spool, metadata.instance, instance, settings).await.map(|()| (credentials, instance))
            }
            Err(error) if error.is_retryable() => from_spool(metadata.instance, snapshot.as_ref(), key, error),
            Err(error) => Err(error),
        };
        match loaded {
            Ok((credentials, instance)) => Ok(Self { credentials, instance, spool: Some(spool), snapshot }),
            Err(error) => {
                spool.close().await;
                Err(error)
            }
        }
    }
}

async fn from_database(pool: &PgPool, key: MasterKey) -> Result<(CredentialCache, Uuid), Error> {
    store::schema::check(pool).await?;
    let instance = within(ANSWER, store::instance::bind(pool, key.fingerprint())).await?;
    Ok((within(ANSWER, CredentialCache::load(pool, key)).await?, instance))
}

/// Returns the endpoints as last loaded, or `error` if there are none.
fn from_spool(
    instance: Option<Uuid>,
    snapshot: Option<&Snapshot>,
    key: MasterKey,
    error: Error,
) -> Result<(CredentialCache, Uuid), Error> {
    let (Some(instance), Some(snapshot)) = (instance, snapshot) else { return Err(error) };
    if !snapshot.matches_key(&key) {
        return Err(Error::SnapshotOfAnotherKey);
    }
    tracing::error!(
        %error,
        endpoints = snapshot.endpoints(),
        loaded_at = %snapshot.taken_at(),
        "database unavailable, starting with the endpoints as last loaded and spooling callbacks"
    );
    Ok((CredentialCache::with(index(snapshot), key), instance))
}

/// Binds the spool to the database. Only an empty spool may change its database, because callbacks must not be written to
/// one that they were not received for.
async fn bind(spool: &Spool, bound: Option<Uuid>, database: Uuid, settings: &SpoolSettings) -> Result<(), Error> {
    let Level { callbacks, quarantined, .. } = spool.level();
    match bound {
        Some(bound) if bound == database => return Ok(()),
        Some(bound) if callbacks + quarantined > 0 => {
            return Err(Error::SpoolOfAnotherDatabase { folder: settings.folder().to_owned(), spool: bound, database });
        }
        _ => {}
    }
    spool.bind(database).await.map_err(|error| Error::SpoolFolder {
        folder: settings.folder().to_owned(),
        source: std::io::Error::other(error),
    })
}
