//! What a receiver begins with: the endpoints, of the database or, while that cannot be reached, of the spool.

use sqlx::PgPool;
use uuid::Uuid;

use crate::deadline::{ANSWER, within};
use crate::endpoint::directory::Directory;
use crate::endpoint::snapshot::Snapshot;
use crate::spool::{Level, Spool};
use crate::supervise::Supervisor;
use crate::{Error, MasterKey, SpoolSettings, store};

pub(super) struct Beginning {
    pub(super) directory: Directory,
    /// The database that callbacks belong to, by its id.
    pub(super) instance: Uuid,
    pub(super) spool: Option<Spool>,
    /// The endpoints that the spool holds.
    pub(super) snapshot: Option<Snapshot>,
}

impl Beginning {
    /// Looks into the database, and where it cannot be reached or is read-only into the spool. Anything else that is
    /// not as it should be is an error.
    pub(super) async fn find(
        pool: &PgPool,
        key: MasterKey,
        spool: Option<&SpoolSettings>,
        supervisor: &Supervisor,
    ) -> Result<Self, Error> {
        let Some(settings) = spool else {
            let (directory, instance) = of_database(pool, key).await?;
            return Ok(Self { directory, instance, spool: None, snapshot: None });
        };
        let (spool, kept) = Spool::open(settings, supervisor).await?;
        let snapshot = kept.snapshot.as_deref().and_then(Snapshot::read);
        let found = match of_database(pool, key.clone()).await {
            Ok((directory, instance)) => {
                bind(&spool, kept.instance, instance, settings).await.map(|()| (directory, instance))
            }
            Err(error) if error.is_retryable() => of_spool(kept.instance, snapshot.as_ref(), key, error),
            Err(error) => Err(error),
        };
        match found {
            Ok((directory, instance)) => Ok(Self { directory, instance, spool: Some(spool), snapshot }),
            Err(error) => {
                spool.close().await;
                Err(error)
            }
        }
    }
}

async fn of_database(pool: &PgPool, key: MasterKey) -> Result<(Directory, Uuid), Error> {
    store::schema::check(pool).await?;
    let instance = within(ANSWER, store::instance::bind(pool, key.fingerprint())).await?;
    Ok((within(ANSWER, Directory::load(pool, key)).await?, instance))
}

/// The endpoints as last loaded; `error` where there are none.
fn of_spool(
    instance: Option<Uuid>,
    snapshot: Option<&Snapshot>,
    key: MasterKey,
    error: Error,
) -> Result<(Directory, Uuid), Error> {
    let (Some(instance), Some(snapshot)) = (instance, snapshot) else { return Err(error) };
    if !snapshot.is_of(&key) {
        return Err(Error::SnapshotOfAnotherKey);
    }
    tracing::error!(
        %error,
        endpoints = snapshot.endpoints(),
        unchanged_since = %snapshot.taken_at(),
        "starting without the database: callbacks go into the spool, checked against the endpoints as last loaded"
    );
    Ok((Directory::from_snapshot(snapshot, key), instance))
}

/// An empty spool may change hands; callbacks never go into a database that they do not belong to.
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
