//! The public listener, on a thread of its own.
//!
//! Accepting shares one current-thread runtime with the lane: a callback never crosses threads on its way to the
//! database and back, which measured faster, and projecting cannot delay it.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use eqp_tls::ServerIdentity;
use rustls::ServerConfig;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Tls;
use crate::accept::Acceptor;
use crate::accept::lane::Lane;
use crate::serve::serve;
use crate::supervise::Part;
use crate::{Error, Limits, Metrics};

/// Before the system is asked again for a file descriptor.
const PAUSE: Duration = Duration::from_millis(250);

/// A bound address with the means to serve it.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    identity: Option<ServerIdentity>,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr, tls: &Tls, behind_proxy: bool) -> Result<Self, Error> {
        let identity = tls.identity()?;
        let tls = identity.as_ref().map(ServerIdentity::server_config).transpose()?;
        if tls.is_none() && !behind_proxy && !address.ip().is_loopback() {
            return Err(Error::PlainHttp { address });
        }
        let bound = TcpListener::bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|source| Error::Listen { address, source })?;
        Ok(Self { socket, address: local, tls, identity })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it proves itself with, where it speaks TLS.
    pub(super) fn identity(&self) -> Option<&ServerIdentity> {
        self.identity.as_ref()
    }

    /// Serves on a new thread until shutdown; the lane ends after the last request.
    pub(super) async fn serve(
        self,
        acceptor: Acceptor,
        lane: Lane,
        limits: Limits,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let (sender, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("eqp-accept".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let result = runtime.and_then(|runtime| {
                    runtime.block_on(async {
                        let lane_shutdown = CancellationToken::new();
                        let lane = tokio::spawn(lane.run(lane_shutdown.clone()));
                        let supervisor = metrics.supervisor().clone();
                        // Connections are tasks of their own, and go on while the loop that accepts them is restarted.
                        let served = supervisor.run(Part::Listener, &shutdown, || {
                            let (tls, metrics) = (self.tls.clone(), metrics.clone());
                            let (acceptor, shutdown) = (acceptor.clone(), shutdown.clone());
                            let socket = &self.socket;
                            async move {
                                let Some(socket) = another(socket, &shutdown).await else { return Ok(()) };
                                serve(socket, tls, limits, metrics, acceptor, shutdown).await
                            }
                        });
                        let served = served.await.unwrap_or(Ok(()));
                        lane_shutdown.cancel();
                        lane.await.map_err(std::io::Error::other).and(served)
                    })
                });
                let _ = sender.send(result);
            })
            .map_err(Error::Stopped)?;
        let result = ended.await;
        // It has sent its result, or panicked: either way it ends at once.
        thread.join().map_err(|_| Error::Panicked)?;
        result.map_err(|_| Error::Panicked)?.map_err(Error::Stopped)
    }
}

/// Another handle of a bound socket: each run of the listener consumes one. None at shutdown.
pub(super) async fn another(socket: &TcpListener, shutdown: &CancellationToken) -> Option<TcpListener> {
    loop {
        match socket.try_clone() {
            Ok(socket) => return Some(socket),
            Err(error) => tracing::warn!(%error, "no file descriptor for the listener; trying again"),
        }
        shutdown.run_until_cancelled(sleep(PAUSE)).await?;
    }
}
