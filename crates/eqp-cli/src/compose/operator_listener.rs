//! Binds the operator listener to its configured address.

use std::io::ErrorKind;

use eqp_console::OperatorListener;
use eqp_store::internal::Supervisor;

use crate::config::{OperatorListen, ReceiverOptions};
use crate::failure::{Result, listening};

/// Binds the listener. Returns `None` if it is off, or if nothing is configured and another server on this machine uses the default
/// address.
pub(crate) fn bind(options: &ReceiverOptions, supervisor: &Supervisor) -> Result<Option<OperatorListener>> {
    let listen = options.operator_listen();
    let Some(address) = listen.address() else { return Ok(None) };
    match OperatorListener::bind(address) {
        Ok(listener) => Ok(Some(listener.supervised_by(supervisor.clone()))),
        Err(error) if listen == OperatorListen::Usual && error.kind() == ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(listening(address, &error)),
    }
}
