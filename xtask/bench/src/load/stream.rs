//! A connection, with or without TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The transport.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    Plain,
    Tls(Arc<ClientConfig>),
}

/// An open connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Opens a connection; with `spread`, from the local addresses 127.0.0.x in turn.
    pub(crate) async fn open(address: SocketAddr, wire: &Wire, spread: bool) -> std::io::Result<Self> {
        let tcp = if spread {
            static NEXT: AtomicU8 = AtomicU8::new(0);
            let host = NEXT.fetch_add(1, Ordering::Relaxed) % 200 + 2;
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)))?;
            socket.connect(address).await?
        } else {
            TcpStream::connect(address).await?
        };
        tcp.set_nodelay(true)?;
        match wire {
            Wire::Plain => Ok(Self::Plain(tcp)),
            Wire::Tls(config) => {
                let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
                let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
                Ok(Self::Tls(Box::new(tls)))
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes).await,
            Self::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer).await,
            Self::Tls(tls) => tls.read(buffer).await,
        }
    }
}
