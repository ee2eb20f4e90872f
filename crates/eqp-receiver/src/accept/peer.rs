//! The peer that sent a request, connected to our own listener or to the server of the embedding service.

use std::net::IpAddr;

#[cfg(feature = "listener")]
use eqp_tls::listener;

/// The peer that sent a request. With our own listener, it also controls whether its connection may be evicted.
pub(super) struct Peer {
    address: Option<IpAddr>,
    #[cfg(feature = "listener")]
    /// None if the connection belongs to the server of the embedding service.
    connection: Option<listener::Peer>,
}

#[cfg(feature = "listener")]
impl From<listener::Peer> for Peer {
    fn from(peer: listener::Peer) -> Self {
        Self { address: Some(peer.address()), connection: Some(peer) }
    }
}

impl Peer {
    /// Creates a peer of the embedding service's server.
    pub(super) fn embedded(address: Option<IpAddr>) -> Self {
        Self {
            address,
            #[cfg(feature = "listener")]
            connection: None,
        }
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Records that the request has a valid credential. Never returns if its connection was evicted before.
    pub(super) async fn receives(&self) {
        #[cfg(feature = "listener")]
        if let Some(connection) = &self.connection {
            connection.receives().await;
        }
    }

    /// Records that the request was received completely. From now on its connection is not evicted before it is answered.
    pub(super) fn stores(&self) {
        #[cfg(feature = "listener")]
        if let Some(connection) = &self.connection {
            connection.stores();
        }
    }
}
