//! A receiver over a database.

use std::net::SocketAddr;

use eqp_receiver::{Error, Identity, MasterKey, Receiver, Tls};

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

/// Checks the database and listens. The receiver answers once it runs. One whose spool knows the endpoints needs no
/// database to start.
pub(crate) async fn receiver(
    database: &Database,
    data: &DataFolder,
    listen: SocketAddr,
    options: &ReceiverOptions,
) -> Outcome<Receiver> {
    let operator = options.operator_listen();
    match build(database, data, listen, options, operator.address()).await? {
        // Another receiver on this machine has the usual address.
        Err(Error::Listen { address, .. })
            if operator == OperatorListen::Usual && operator.address() == Some(address) =>
        {
            Ok(build(database, data, listen, options, None).await??)
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
) -> Outcome<Result<Receiver, Error>> {
    let wire = options.wire()?;
    let behind_proxy = matches!(wire, Wire::BehindProxy);
    let tls = match wire {
        Wire::BehindProxy => Tls::Off,
        Wire::Files { certificate, key } => {
            Tls::Identity(Identity::from_files(&certificate, &key).map_err(eqp_receiver::Error::Tls)?)
        }
        Wire::LocalCa { names } => Tls::LocalCa { folder: data.tls(), names },
    };
    let mut builder = Receiver::builder(database.pool().clone())
        .master_key(master_key(data)?)
        .metrics(database.metrics().clone())
        .listen(listen)
        .tls(tls)
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
