//! The addresses and the endpoints that a server prints once its listeners are bound.

use std::net::SocketAddr;
use std::path::Path;

use eqp_receiver::{LocalCa, Receiver};
use eqp_store::{EndpointSummary, Endpoints};
use serde::Serialize;

use super::Server;
use crate::compose::database::Database;
use crate::compose::receiver::master_key;
use crate::config::{DataFolder, OperatorListen, Role, Wire};
use crate::failure::Result;

/// A running server as JSON, printed once its listeners are bound.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RunningReceiver<'a> {
    /// The base URL of the public listener; null if this process does not accept callbacks.
    pub(super) listening: Option<String>,
    /// The base URL for metrics, health checks and, with the role console, the operator API and its pages; null if they are not served.
    pub(super) operator: Option<String>,
    /// The certificate of the local CA; null if another certificate is used.
    pub(super) local_ca: Option<&'a Path>,
    /// The parts that run in this process.
    pub(super) roles: Vec<&'static str>,
    /// The paths of the endpoints.
    pub(super) endpoints: Vec<String>,
}

impl Server<'_> {
    /// Prints where metrics and the operator API are served.
    pub(super) fn note_operator(&self, address: Option<SocketAddr>) {
        let output = self.context.output;
        match address {
            Some(address) => {
                output.note(format_args!("  metrics    http://{address}/metrics"));
                if self.has(Role::Console) {
                    output.note(format_args!("  pages      http://{address}/ (sign in: eqp token link NAME)"));
                    output
                        .note(format_args!("  console    http://{address}/api/v1 (create a token: eqp token create)"));
                }
            }
            None if self.context.settings.receiver.operator_listen() == OperatorListen::Usual => output
                .note("  metrics    off: another program uses the default address (choose one with --operator-listen)"),
            None => {}
        }
    }

    /// Prints the addresses and the endpoints of the receiver.
    pub(super) async fn announce(&self, receiver: &Receiver, operator: Option<SocketAddr>) -> Result {
        let Self { database, data, wire, .. } = self;
        let endpoints = endpoints(database, data).await?;
        let scheme = if matches!(wire, Wire::BehindProxy) { "http" } else { "https" };
        let address = receiver.local_addr();
        let local_ca = matches!(wire, Wire::LocalCa { .. }).then(|| LocalCa::certificate_path(&data.tls()));
        let output = self.context.output;
        if output.is_json() {
            output.json(&RunningReceiver {
                listening: Some(format!("{scheme}://{address}")),
                operator: operator.map(|address| format!("http://{address}")),
                local_ca: local_ca.as_deref(),
                roles: self.roles.iter().map(|role| role.name()).collect(),
                endpoints: match &endpoints {
                    Some(endpoints) => endpoints.iter().map(|endpoint| endpoint.path.clone()).collect(),
                    None => receiver.endpoint_paths(),
                },
            })?;
        }
        output.note(format_args!("receiving on {scheme}://{address}"));
        let place = data.postgres();
        let place = if database.is_embedded() { format!("embedded, in {}", place.display()) } else { "given".into() };
        output.note(format_args!("  database   {place}"));
        self.note_operator(operator);
        if let Some(path) = local_ca {
            output.note(format_args!("  local CA   {} (print it: eqp ca)", path.display()));
        }
        let Some(endpoints) = endpoints else {
            output.note("  database unavailable, spooling callbacks to disk (see: eqp spool show)");
            return Ok(());
        };
        for endpoint in &endpoints {
            let EndpointSummary { path, mage_id, environment, .. } = endpoint;
            output.note(format_args!("  endpoint   {path} for {mage_id} ({environment})"));
        }
        if endpoints.is_empty() {
            output.note("  no endpoint yet; create one: eqp callbacks add --name NAME --url https://…");
        }
        Ok(())
    }
}

/// Returns the endpoints in use, or `None` if the receiver has started without its database.
async fn endpoints(database: &Database, data: &DataFolder) -> Result<Option<Vec<EndpointSummary>>> {
    let key = master_key(database, data).await?;
    let list = async { Endpoints::open(database.pool().clone(), key).await?.list().await };
    match list.await {
        Ok(endpoints) => Ok(Some(endpoints.into_iter().filter(EndpointSummary::is_in_use).collect())),
        Err(error) if error.is_retryable() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
