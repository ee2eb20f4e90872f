//! A receiver over a database.

use std::net::SocketAddr;
use std::sync::Arc;

use eqp_receiver::{Error, Identity, MasterKey, Receiver, Tls, Validity};
use tokio::sync::Notify;

use super::database::Database;
use crate::config::{DataFolder, OperatorListen, ReceiverOptions, Wire};
use crate::failure::Outcome;

/// The master key of the data folder, made on first use.
pub(crate) fn master_key(data: &DataFolder) -> Outcome<MasterKey> {
    Ok(MasterKey::open(data.master_key())?)
}

/// The same, none where there is none yet.
pub(crate) fn known_master_key(data: &DataFolder) -> Outcome<Option<MasterKey>> {
    Ok(MasterKey::find(data.master_key())?)
}

/// Checks the certificate files, where there are any.
pub(crate) fn check_certificate(wire: &Wire) -> Outcome<Option<Validity>> {
    let Wire::Files { certificate, key } = wire else { return Ok(None) };
    Ok(Some(Identity::from_files(certificate, key).map_err(Error::Tls)?.validity()))
}

/// Checks the database and listens. The certificate is read again when its files change, and whenever `reload` is
/// notified. The receiver answers once it runs. One whose spool knows the endpoints needs no
/// database to start.
pub(crate) async fn receiver(
    database: &Database,
    data: &DataFolder,
    listen: SocketAddr,
    options: &ReceiverOptions,
    reload: &Arc<Notify>,
) -> Outcome<Receiver> {
    let operator = options.operator_listen();
    match build(database, data, listen, options, operator.address(), reload).await? {
        // Another receiver on this machine has the usual address.
        Err(Error::Listen { address, .. })
            if operator == OperatorListen::Usual && operator.address() == Some(address) =>
        {
            Ok(build(database, data, listen, options, None, reload).await??)
        }
        built => Ok(built?),
    }
}

async fn build(
    database: &Database,
    data: &DataFolder,
    listen: SocketAddr,
    options: &ReceiverOptions,
    operator: Option<SocketAddr>,
    reload: &Arc<Notify>,
) -> Outcome<Result<Receiver, Error>> {
    let wire = options.wire()?;
    let behind_proxy = matches!(wire, Wire::BehindProxy);
    let tls = match wire {
        Wire::BehindProxy => Tls::Off,
        Wire::Files { certificate, key } => Tls::Files { certificate, key },
        Wire::LocalCa { names } => Tls::LocalCa { folder: data.tls(), names },
    };
    let mut builder = Receiver::builder(database.pool().clone())
        .master_key(master_key(data)?)
        .metrics(database.metrics().clone())
        .listen(listen)
        .tls(tls)
        .reload_certificate(Arc::clone(reload))
        .behind_proxy(behind_proxy);
    if let Some(settings) = options.spool(data.path()) {
        builder = builder.spool(settings);
    }
    if let Some(address) = operator {
        builder = builder.operator_listen(address);
    }
    if let Some(keep) = options.keep {
        builder = builder.keep(keep.0);
    }
    Ok(builder.build().await)
}
