//! A TLS client that sends any bytes, valid HTTP or not, and reads one response.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

/// The timeout of everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of one receiver, which trusts one CA.
#[derive(Clone)]
pub struct Sender {
    address: SocketAddr,
    roots: Arc<RootCertStore>,
}

/// A parsed response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Sender {
    pub fn new(address: SocketAddr, ca_pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
        Self { address, roots: Arc::new(roots) }
    }

    pub async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with_alpn(&[b"http/1.1"]).await.unwrap()
    }

    pub async fn connect_with_alpn(&self, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// Sends these bytes on a new connection and reads the response.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.unwrap();
        read_answer(&mut stream).await
    }

    /// Posts a body with these `Authorization` headers.
    pub async fn post(&self, path: &str, authorization: &[&str], body: impl AsRef<[u8]>) -> Answer {
        self.raw(post(path, authorization, body.as_ref())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Returns the complete response without the `Date` header.
    pub fn without_date(&self) -> String {
        let head = self.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
        format!("{}\n\n{}", head.collect::<Vec<_>>().join("\n"), self.body)
    }

    /// Returns the ID of the stored callback.
    pub fn id(&self) -> Uuid {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).parse().unwrap()
    }

    pub fn reason(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["reason"].as_str().unwrap_or_else(|| panic!("no reason in {self:?}")).to_owned()
    }
}

/// Returns a complete request.
pub fn post(path: &str, authorization: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         cookie: a=b\r\ncontent-length: {}\r\n",
        body.len()
    );
    for value in authorization {
        write!(request, "authorization: {value}\r\n").unwrap();
    }
    request.push_str("\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(body);
    request
}

/// Returns the value of a Basic header.
pub fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// Reads one response, to the end of its body.
pub async fn read_answer(stream: &mut TlsStream<TcpStream>) -> Answer {
    let mut bytes = Vec::new();
    timeout(PATIENCE, async {
        loop {
            if let Some(answer) = parse(&bytes) {
                return answer;
            }
            // A peer may close the connection without a TLS close_notify.
            let count = stream.read_buf(&mut bytes).await.unwrap_or(0);
            assert_ne!(count, 0, "the answer broke off: {}", String::from_utf8_lossy(&bytes));
        }
    })
    .await
    .expect("an answer comes in time")
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
    let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (body.len() >= length || head.is_empty()).then_some(answer)
}
