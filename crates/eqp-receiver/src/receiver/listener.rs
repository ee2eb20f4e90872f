//! The public listener. It runs on its own thread.
//!
//! The listener shares a current-thread runtime with the batch writer. A callback therefore stays on one thread until
//! it is answered, which was faster in measurements, and projection cannot delay it.

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
use crate::accept::writer::BatchWriter;
use crate::{Error, Limits, Metrics};
use eqp_store::internal::Part;
use eqp_tls::listener;

/// The wait before retrying after running out of file descriptors.
const PAUSE: Duration = Duration::from_millis(250);

/// A socket that is bound to its address.
#[derive(Debug)]
pub(super) struct BoundSocket {
    socket: TcpListener,
    address: SocketAddr,
}

impl BoundSocket {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, Error> {
        let bound = TcpListener::bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|source| Error::Listen { address, source })?;
        Ok(Self { socket, address: local })
    }

    /// Returns the address, with the port that the system chose.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns another handle of the socket, because each run of a listener consumes one. Returns `None` at shutdown.
    pub(super) async fn try_clone(&self, shutdown: &CancellationToken) -> Option<TcpListener> {
        loop {
            match self.socket.try_clone() {
                Ok(socket) => return Some(socket),
                Err(error) => tracing::warn!(%error, "cannot duplicate the listening socket, retrying"),
            }
            shutdown.run_until_cancelled(sleep(PAUSE)).await?;
        }
    }
}

/// The public listener, bound to its address.
#[derive(Debug)]
pub(super) struct Listener {
    socket: BoundSocket,
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
        Ok(Self { socket: BoundSocket::bind(address)?, tls, identity })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.address()
    }

    /// Returns the server identity, unless the listener speaks plain HTTP.
    pub(super) fn identity(&self) -> Option<&ServerIdentity> {
        self.identity.as_ref()
    }

    /// Serves on a new thread until shutdown. The writer ends after the last request.
    pub(super) async fn serve(
        self,
        acceptor: Acceptor,
        writer: BatchWriter,
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
                        let writer_shutdown = CancellationToken::new();
                        let writer = tokio::spawn(writer.run(writer_shutdown.clone()));
                        let supervisor = metrics.supervisor().clone();
                        // Each connection is a separate task, so it survives a restart of the loop that accepts them.
                        let served = supervisor.run(Part::Listener, &shutdown, || {
                            let (tls, metrics) = (self.tls.clone(), metrics.clone());
                            let (acceptor, shutdown) = (acceptor.clone(), shutdown.clone());
                            let socket = &self.socket;
                            async move {
                                let Some(socket) = socket.try_clone(&shutdown).await else { return Ok(()) };
                                let listener = listener::Listener::new(socket);
                                let listener = listener.limits(limits.listener).observed_by(metrics);
                                let listener = if let Some(tls) = tls { listener.tls(tls) } else { listener };
                                listener.serve(acceptor, shutdown).await
                            }
                        });
                        let served = served.await.unwrap_or(Ok(()));
                        writer_shutdown.cancel();
                        writer.await.map_err(std::io::Error::other).and(served)
                    })
                });
                let _ = sender.send(result);
            })
            .map_err(Error::Stopped)?;
        let result = ended.await;
        // The thread has sent its result or panicked, so joining it does not block.
        thread.join().map_err(|_| Error::Panicked)?;
        result.map_err(|_| Error::Panicked)?.map_err(Error::Stopped)
    }
}
