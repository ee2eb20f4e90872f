//! Checks whether a public URL leads to a receiver, as seen from this machine.

use std::io;
use std::path::Path;
use std::time::Duration;

use eqp_client::internal::find_cause;
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Certificate, Client, StatusCode};
use rustls::CertificateError;

/// The time limit for the response.
const DEADLINE: Duration = Duration::from_secs(5);
/// The challenge of a receiver.
const CHALLENGE: &str = r#"Basic realm="eqp""#;

/// The reason why a public URL does not lead to a receiver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublicUrlError {
    /// No connection could be made. The host name may not resolve, or the port may be closed.
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
    },
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

/// Sends a callback with a random user name and password to a public URL. A receiver rejects it without reading its body. `local_ca` is the
/// certificate of a CA that is trusted in addition to those of the system.
///
/// # Errors
/// Returns a [`PublicUrlError`] if the response is not that of a receiver.
pub async fn probe_public_url(url: &str, local_ca: Option<&Path>) -> Result<(), PublicUrlError> {
    let trusted = local_ca.and_then(|file| eqp_tls::read_small_file(file).ok());
    let trusted = trusted.and_then(|pem| Certificate::from_pem_bundle(&pem).ok()).unwrap_or_default();
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
        .tls_certs_merge(trusted)
        .build()
        .map_err(|error| PublicUrlError::Client(error.into()))?;
    let (user, password) = (format!("doctor-{:016x}", fastrand::u64(..)), format!("{:032x}", fastrand::u128(..)));
    let sent = client.post(url).basic_auth(user, Some(password)).body("{}").send().await;
    let response = sent.map_err(|error| no_response(&error))?;
    let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|challenge| challenge.to_str().ok());
    match response.status() {
        StatusCode::UNAUTHORIZED if challenge == Some(CHALLENGE) => Ok(()),
        // There were too many failures from this address. Only a receiver limits them with this status.
        StatusCode::TOO_MANY_REQUESTS => Ok(()),
        status if status.is_success() => Err(PublicUrlError::Accepted { status: status.as_u16() }),
        status => Err(PublicUrlError::NotAReceiver { status: status.as_u16() }),
    }
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
        CertificateError::UnknownIssuer => "this machine does not trust the CA that issued it",
        CertificateError::BadSignature => "its signature is wrong; another CA with the same name may have issued it",
        _ => "this machine does not trust it",
    }
}

fn no_response(error: &reqwest::Error) -> PublicUrlError {
    if error.is_timeout() {
        return PublicUrlError::TimedOut { after: DEADLINE };
    }
    if let Some(rustls::Error::InvalidCertificate(problem)) = find_cause::<rustls::Error>(error) {
        return PublicUrlError::Certificate { reason: described(problem) };
    }
    let reason = match (find_cause::<rustls::Error>(error), find_cause::<io::Error>(error)) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(problem)) => problem.to_string(),
        (None, None) => "the connection was closed".to_owned(),
    };
    PublicUrlError::Unreachable { reason }
}
