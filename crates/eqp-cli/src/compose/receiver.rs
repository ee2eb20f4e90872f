//! Builds a receiver from the configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use eqp_receiver::{Error, Identity, Limits, Receiver, Tls, Validity};
use eqp_store::{Endpoints, MasterKey};
use tokio::sync::Notify;

use super::database::Database;
use crate::config::{DataFolder, ReceiverOptions, Wire};
use crate::failure::{Failure, Result};

/// Opens the master key of the data folder. Creates it if the database does not belong to a key yet.
pub(crate) async fn master_key(database: &Database, data: &DataFolder) -> Result<MasterKey> {
    // The parts of a server start at the same time. If one creates the key and ties the database to it between the two steps of another
    // one, that one would find a database that belongs to a key it does not have.
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _guard = ONE_AT_A_TIME.lock().await;
    if let Some(key) = known_master_key(data)? {
        return Ok(key);
    }
    // A database that belongs to a master key rejects any other.
    endpoints_to_read(database, data, None).await?;
    Ok(MasterKey::open(data.master_key())?)
}

/// Opens the master key of the data folder, if it exists.
pub(crate) fn known_master_key(data: &DataFolder) -> Result<Option<MasterKey>> {
    Ok(MasterKey::find(data.master_key())?)
}

/// Opens the endpoints for reading. Returns `None` if there cannot be any yet.
pub(crate) async fn endpoints_to_read(
    database: &Database,
    data: &DataFolder,
    key: Option<MasterKey>,
) -> Result<Option<Endpoints>> {
    let is_missing = key.is_none();
    match Endpoints::open_to_read(database.pool().clone(), key).await {
        Err(error @ eqp_store::Error::OtherMasterKey) if is_missing => Err(Failure::from(error)
            .why(format!("there is no key file {}, and none was created", data.master_key().display()))),
        opened => Ok(opened?),
    }
}

/// Checks the configured certificate files. Returns `None` if there are none.
pub(crate) fn check_certificate(wire: &Wire) -> Result<Option<Validity>> {
    let Wire::Files { certificate, key } = wire else { return Ok(None) };
    Ok(Some(Identity::from_files(certificate, key).map_err(Error::Tls)?.validity()))
}

/// A receiver to build.
pub(crate) struct ReceiverSetup<'a> {
    pub(crate) database: &'a Database,
    pub(crate) data: &'a DataFolder,
    pub(crate) listen: SocketAddr,
    pub(crate) options: &'a ReceiverOptions,
    pub(crate) limits: Limits,
    /// Whether it also projects callbacks into events.
    pub(crate) projects: bool,
    /// Reloads the certificate whenever it is notified, and when the files change.
    pub(crate) reload: &'a Arc<Notify>,
}

impl ReceiverSetup<'_> {
    /// Builds the receiver, which checks the database and listens. A receiver whose spool contains the endpoints starts without its
    /// database.
    pub(crate) async fn build(&self) -> Result<Receiver> {
        let Self { database, data, options, .. } = self;
        let wire = options.wire()?;
        let behind_proxy = matches!(wire, Wire::BehindProxy);
        let tls = match wire {
            Wire::BehindProxy => Tls::Off,
            Wire::Files { certificate, key } => Tls::Files { certificate, key },
            Wire::LocalCa { names } => Tls::LocalCa { folder: data.tls(), names },
        };
        let mut builder = Receiver::builder(database.pool().clone())
            .master_key(master_key(database, data).await?)
            .metrics(database.metrics().clone())
            .listen(self.listen)
            .limits(self.limits)
            .tls(tls)
            .reload_certificate(Arc::clone(self.reload))
            .behind_proxy(behind_proxy);
        if !self.projects {
            builder = builder.accept_only();
        }
        if let Some(settings) = options.spool(data.path()) {
            builder = builder.spool(settings);
        }
        if let Some(period) = options.retention {
            builder = builder.retention(period.0);
        }
        Ok(builder.build().await?)
    }
}
