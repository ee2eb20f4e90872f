//! Checks whether a receiver is ready, as a load balancer would: with a TLS handshake and `/readyz`.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use eqp_client::internal::find_cause;
use eqp_tls::ValidityProblem;
use reqwest::{Certificate, Client, StatusCode};
use rustls::CertificateError;
use time::OffsetDateTime;

/// The time limit for the response of a receiver.
const DEADLINE: Duration = Duration::from_secs(5);
/// The maximum size of a response in bytes. The rest of a longer one is ignored.
const MAX_ANSWER_BYTES: usize = 1024;

/// The expected TLS configuration of a receiver.
#[derive(Clone, Copy, Debug)]
pub enum ProbeTls<'a> {
    /// Plain HTTP: TLS is terminated by a proxy.
    Off,
    /// The receiver serves the first certificate in this file. Whether it is trusted is not checked.
    Certificate(&'a Path),
    /// The receiver serves a certificate that was issued by the local CA in this file.
    LocalCa(&'a Path),
}

/// The reason why a receiver is not ready, or could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Nothing listens on the address.
    #[error("connection refused")]
    Refused,
    /// The receiver did not answer in time.
    #[error("timed out after {} s", after.as_secs())]
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// The receiver cannot store callbacks.
    #[error("{answer}")]
    NotReady {
        /// Its response.
        answer: String,
    },
    /// Another program answers on this address.
    #[error("the response has the status {status}")]
    NotAReceiver {
        /// The HTTP status.
        status: u16,
    },
    /// There was no response over plain HTTP.
    #[error("no response over plain HTTP")]
    NoPlainHttp,
    /// The receiver serves another certificate than the expected one.
    #[error("the receiver serves another certificate")]
    OtherCertificate,
    /// The receiver serves the expected certificate, but does not have its key.
    #[error("the server cannot prove that it has the key of its certificate")]
    NoKey,
    /// The certificate of the local CA is not valid at this time.
    #[error("the certificate that the receiver serves {0}")]
    NotValid(ValidityProblem),
    /// The certificate was not issued by the expected CA.
    #[error("the local CA of this data folder did not issue the certificate that the receiver serves")]
    OtherIssuer,
    /// The port answers without TLS.
    #[error("this port answers without TLS")]
    NoTls,
    /// The server closed the connection during the handshake.
    #[error("the server closed the connection during the handshake")]
    Closed,
    /// The handshake failed for another reason.
    #[error("{0}")]
    Handshake(&'static str),
    /// The connection failed.
    #[error(transparent)]
    Connection(io::Error),
    /// The file of the expected certificate cannot be used.
    #[error(transparent)]
    CertificateFile(#[from] eqp_tls::Error),
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

/// Returns the local address for reaching a receiver that listens on `address`.
pub fn probe_address(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Checks whether the receiver at this address can store callbacks, and returns its response.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_sync::{ProbeTls, probe_address, probe_receiver};
///
/// // A receiver that listens on every address is reached on the loopback address.
/// let address = probe_address("0.0.0.0:8080".parse()?);
/// println!("{}", probe_receiver(address, ProbeTls::Off).await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns [`ProbeError::Refused`] if nothing listens on the address, and another [`ProbeError`] if the receiver is not
/// ready.
pub async fn probe_receiver(address: SocketAddr, tls: ProbeTls<'_>) -> Result<String, ProbeError> {
    let scheme = if matches!(tls, ProbeTls::Off) { "http" } else { "https" };
    let sent = client(tls)?.get(format!("{scheme}://{address}/readyz")).send().await;
    let mut response = sent.map_err(|error| no_response(tls, &error))?;
    let mut answer = Vec::new();
    while let Ok(Some(part)) = response.chunk().await {
        answer.extend_from_slice(&part);
        if answer.len() >= MAX_ANSWER_BYTES {
            answer.truncate(MAX_ANSWER_BYTES);
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer).trim().to_owned();
    match response.status() {
        StatusCode::OK => Ok(answer),
        StatusCode::SERVICE_UNAVAILABLE => Err(ProbeError::NotReady { answer }),
        status => Err(ProbeError::NotAReceiver { status: status.as_u16() }),
    }
}

/// Creates a client for this receiver, which is contacted by address, so the names in a certificate do not matter.
fn client(tls: ProbeTls<'_>) -> Result<Client, ProbeError> {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE);
    let builder = match tls {
        ProbeTls::Off => builder.tls_certs_only(Vec::new()),
        ProbeTls::Certificate(file) => builder.tls_backend_preconfigured(eqp_tls::exact_certificate_client(file)?),
        ProbeTls::LocalCa(file) => {
            // If the CA cannot be read, no certificate is trusted, and the handshake fails.
            let trusted = eqp_tls::read_small_file(file).ok().and_then(|pem| Certificate::from_pem_bundle(&pem).ok());
            builder.tls_certs_only(trusted.into_iter().flatten()).tls_danger_accept_invalid_hostnames(true)
        }
    };
    builder.build().map_err(|error| ProbeError::Client(error.into()))
}

/// Returns the reason why a request got no response.
fn no_response(tls: ProbeTls<'_>, error: &reqwest::Error) -> ProbeError {
    let io_error = find_cause::<io::Error>(error);
    if io_error.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
        return ProbeError::Refused;
    }
    if error.is_timeout() {
        return ProbeError::TimedOut { after: DEADLINE };
    }
    if matches!(tls, ProbeTls::Off) {
        return ProbeError::NoPlainHttp;
    }
    match find_cause::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(problem)) => rejected(tls, problem),
        Some(rustls::Error::InvalidMessage(_)) => ProbeError::NoTls,
        Some(rustls::Error::AlertReceived(_)) => {
            ProbeError::Handshake("the server ended the handshake with a TLS alert")
        }
        Some(rustls::Error::PeerIncompatible(_)) => ProbeError::Handshake("no TLS version or cipher suite in common"),
        Some(_) => ProbeError::Handshake("the server violates the TLS protocol"),
        None => match io_error {
            Some(error) if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                ProbeError::Connection(io::Error::new(error.kind(), error.to_string()))
            }
            _ => ProbeError::Closed,
        },
    }
}

/// Returns the reason why the receiver's certificate was rejected.
fn rejected(tls: ProbeTls<'_>, problem: &CertificateError) -> ProbeError {
    let time = |seconds: u64| {
        let time = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        time.unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    match (tls, problem) {
        (ProbeTls::Certificate(_), CertificateError::ApplicationVerificationFailure) => ProbeError::OtherCertificate,
        (ProbeTls::Certificate(_), _) => ProbeError::NoKey,
        (_, CertificateError::ExpiredContext { not_after, .. }) => {
            ProbeError::NotValid(ValidityProblem::Expired { at: time(not_after.as_secs()) })
        }
        (_, CertificateError::NotValidYetContext { not_before, .. }) => {
            ProbeError::NotValid(ValidityProblem::NotYetValid { from: time(not_before.as_secs()) })
        }
        _ => ProbeError::OtherIssuer,
    }
}
