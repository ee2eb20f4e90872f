//! The requests to public URLs, and the reasons why there is no response.

use std::io;
use std::path::Path;
use std::time::Duration;

use eqp_client::internal::find_cause;
use eqp_tls::Validity;
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client, Response};
use rustls::CertificateError;
use time::OffsetDateTime;
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Url;

/// The time limit for the response, and for the resolution of the name.
const DEADLINE: Duration = Duration::from_secs(5);
/// The challenge of a receiver.
const CHALLENGE: &str = r#"Basic realm="eqp""#;

/// A public URL that leads to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReachedUrl {
    /// When its certificate expires, or `None` without TLS. The certificate is trusted, with its chain.
    pub certificate_expires_at: Option<OffsetDateTime>,
}

/// The reason why a public URL does not lead to a receiver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// The name has no address.
    #[error("the name {host} does not resolve: {reason}")]
    Unresolved {
        /// The host name.
        host: String,
        /// The reason, in words of the system.
        reason: String,
    },
    /// No connection could be made. The port may be closed.
    #[error("no connection: {reason}")]
    Unreachable {
        /// The reason, in words of the system.
        reason: String,
    },
    /// There was no response in time.
    #[error("no response within {} s", after.as_secs())]
    TimedOut {
        /// The time limit.
        after: Duration,
    },
    /// The certificate is not trusted.
    #[error("its certificate is not accepted: {reason}")]
    Certificate {
        /// The reason.
        reason: &'static str,
        /// Whether it has expired, and only has to be renewed.
        is_expired: bool,
    },
    /// The port of an HTTPS URL does not speak TLS.
    #[error("the port speaks plain HTTP, or another protocol than TLS")]
    NoTls,
    /// A wrong password was accepted.
    #[error("it accepts a wrong password (status {status})")]
    Accepted {
        /// The HTTP status.
        status: u16,
    },
    /// Something else answers.
    #[error("the response has the status {status}, and is not that of a receiver")]
    NotAReceiver {
        /// The HTTP status.
        status: u16,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Resolves the name of the host, so that a missing DNS record is reported as such.
pub(super) async fn resolve(url: &str) -> Result<(), PublicUrlError> {
    // A URL that cannot be parsed is reported by the request.
    let Ok(parsed) = Url::parse(url) else { return Ok(()) };
    let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default()) else { return Ok(()) };
    let host = host.trim_matches(['[', ']']);
    let unresolved = |reason: String| PublicUrlError::Unresolved { host: host.to_owned(), reason };
    match timeout(DEADLINE, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            if addresses.count() > 0 {
                Ok(())
            } else {
                Err(unresolved("it has no address".to_owned()))
            }
        }
        Ok(Err(error)) => Err(unresolved(error.to_string())),
        Err(_elapsed) => Err(unresolved(format!("no response from DNS within {} s", DEADLINE.as_secs()))),
    }
}

/// Creates a client that follows no redirects. Requests are made by the proxy `via`, if there is one.
pub(super) fn client(local_ca: Option<&Path>, via: Option<&Url>) -> Result<Client, PublicUrlError> {
    let trusted = local_ca.and_then(|file| eqp_tls::read_small_file(file).ok());
    let trusted = trusted.and_then(|pem| Certificate::from_pem_bundle(&pem).ok()).unwrap_or_default();
    let failed = |error: reqwest::Error| PublicUrlError::Client(error.into());
    // The variables for proxies are ignored.
    let mut builder = Client::builder().no_proxy();
    if let Some(via) = via {
        builder = builder.proxy(reqwest::Proxy::all(via.as_str()).map_err(failed)?);
    }
    builder
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
        .tls_certs_merge(trusted)
        .tls_info(true)
        .build()
        .map_err(failed)
}

/// Returns whether a response asks for a credential as a receiver does.
pub(super) fn is_challenge(response: &Response) -> bool {
    response.headers().get(WWW_AUTHENTICATE).is_some_and(|challenge| challenge == CHALLENGE)
}

pub(super) fn reached(response: &Response) -> ReachedUrl {
    let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    let validity = certificate.and_then(Validity::of_certificate);
    ReachedUrl { certificate_expires_at: validity.map(|validity| validity.not_after) }
}

/// Describes in words of users why a certificate is not accepted.
fn described(problem: &CertificateError) -> &'static str {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::Revoked => "it was revoked",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was issued for other names"
        }
        CertificateError::UnknownIssuer => {
            "this machine does not trust the CA that issued it, or its chain lacks an intermediate certificate"
        }
        CertificateError::BadSignature => "its signature is wrong; another CA with the same name may have issued it",
        _ => "this machine does not trust it",
    }
}

pub(super) fn no_response(error: &reqwest::Error) -> PublicUrlError {
    if error.is_timeout() {
        return PublicUrlError::TimedOut { after: DEADLINE };
    }
    match find_cause::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(problem)) => {
            let is_expired = matches!(problem, CertificateError::Expired | CertificateError::ExpiredContext { .. });
            return PublicUrlError::Certificate { reason: described(problem), is_expired };
        }
        Some(rustls::Error::InvalidMessage(_)) => return PublicUrlError::NoTls,
        _ => {}
    }
    let reason = match (find_cause::<rustls::Error>(error), find_cause::<io::Error>(error)) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(problem)) => problem.to_string(),
        (None, None) => "the connection was closed".to_owned(),
    };
    PublicUrlError::Unreachable { reason }
}
