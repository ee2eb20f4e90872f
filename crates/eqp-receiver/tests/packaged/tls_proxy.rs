//! A proxy that terminates TLS in front of a service.

use eqp_tls::LocalCa;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) struct TlsProxy {
    listener: TcpListener,
    ca: LocalCa,
}

impl TlsProxy {
    /// Binds a port, so that the URL is known before the service runs.
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, ca: LocalCa::ephemeral().unwrap() }
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.ca.certificate_pem()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.listener.local_addr().unwrap())
    }

    pub(crate) fn forward_to(self, service: String) -> JoinHandle<()> {
        let identity = self.ca.issue(&["127.0.0.1".to_owned()]).unwrap();
        let acceptor = TlsAcceptor::from(identity.server_config().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = self.listener.accept().await.unwrap();
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(stream).await?;
                    copy_bidirectional(&mut outside, &mut TcpStream::connect(service).await?).await
                });
            }
        })
    }
}
