//! The pages of the demo: the operator service on an address of this machine, and a link that signs a browser in.

use std::net::{Ipv4Addr, SocketAddr};

use eqp_console::{NewToken, OperatorClient, OperatorListener, OperatorService, Principal, Scope};
use eqp_store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::compose::database::Database;
use crate::failure::{Result, listening};

/// The name of the token that browsers sign in with.
pub(super) const TOKEN: &str = "demo";
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The running pages.
pub(super) struct Pages {
    address: SocketAddr,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Pages {
    /// Starts the pages, and returns them with a link that signs a browser in once.
    pub(super) async fn start(database: &Database) -> Result<(Self, String)> {
        let shutdown = CancellationToken::new();
        let listener = OperatorListener::bind(ANY_PORT).map_err(|error| listening(ANY_PORT, &error))?;
        let address = listener.local_addr();
        let service = OperatorService::new(Store::new(database.pool().clone())).shutdown(shutdown.clone());
        let client = OperatorClient::in_process(&service, Principal::Local);
        client.create_token(&NewToken::new(TOKEN, [Scope::Read, Scope::Operate, Scope::Admin])).await?;
        let link = client.create_sign_in_link(TOKEN).await?;
        let link = format!("http://{address}{}", link.path.expose());
        let task = tokio::spawn(listener.serve(service.network_router(&[]), shutdown.clone()));
        Ok((Self { address, task, shutdown }, link))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the pages.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        // It ends after the requests in progress, which are short.
        let _ended = self.task.await;
    }
}
