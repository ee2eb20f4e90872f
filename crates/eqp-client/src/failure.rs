//! Classifies errors of the HTTP client.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::error::{Error, HttpError};
use crate::problem::{Call, ChangedFile, TlsProblem};

/// Converts a failure to send `call` or to read its response.
pub(crate) fn of_send(error: reqwest::Error, call: &Call, peer: &str, timeout: Duration) -> Error {
    let call = call.clone();
    let host = || peer.to_owned();
    if let Some(file) = find_cause::<ChangedFile>(&error) {
        return Error::File { path: file.path.clone(), problem: file.problem.clone() };
    }
    if let Some(problem) = find_cause::<rustls::Error>(&error) {
        // A TLS alert of the server after the handshake is a lost connection, not a certificate problem.
        if error.is_connect() || matches!(problem, rustls::Error::InvalidCertificate(_)) {
            return Error::Tls { call, host: host(), problem: tls_problem(problem) };
        }
    }
    // `call` has the URL already, without its query.
    let error = error.without_url();
    if error.is_connect() {
        return Error::Connect { call, host: host(), source: HttpError(error) };
    }
    if error.is_timeout() {
        return Error::Timeout { call, after: timeout };
    }
    Error::Interrupted { call, source: HttpError(error) }
}

/// Converts a failure to build the HTTP client.
pub(crate) fn of_setup(error: reqwest::Error) -> Error {
    match find_cause::<rustls::Error>(&error) {
        Some(rustls::Error::InvalidCertificate(problem)) => Error::TrustedCa { reason: problem.to_string() },
        _ => Error::Setup(HttpError(error)),
    }
}

fn tls_problem(error: &rustls::Error) -> TlsProblem {
    let rustls::Error::InvalidCertificate(problem) = error else { return TlsProblem::Other(error.to_string()) };
    match problem {
        // A bad signature means a CA with the same name but another key, for example a local CA that was created again.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsProblem::NotTrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsProblem::NotYetValid,
        CertificateError::NotValidForName => TlsProblem::WrongName { belongs_to: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsProblem::WrongName { belongs_to: presented.iter().map(|name| plain_name(name)).collect() }
        }
        other => TlsProblem::Other(other.to_string()),
    }
}

/// Extracts the name from `DnsName("a.example")`, the form in which rustls reports names of a certificate.
fn plain_name(name: &str) -> String {
    name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")")).unwrap_or(name).to_owned()
}

/// Finds a `T` among the causes of `error`, including those inside I/O errors, which do not report them as a source.
pub fn find_cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_problems_have_their_names() {
        let cases = [
            (CertificateError::UnknownIssuer, TlsProblem::NotTrusted),
            (CertificateError::BadSignature, TlsProblem::NotTrusted),
            (CertificateError::Expired, TlsProblem::Expired),
            (CertificateError::NotValidYet, TlsProblem::NotYetValid),
            (CertificateError::NotValidForName, TlsProblem::WrongName { belongs_to: vec![] }),
        ];
        for (error, problem) in cases {
            assert_eq!(tls_problem(&rustls::Error::InvalidCertificate(error)), problem);
        }
    }

    #[test]
    fn a_cause_inside_io_errors_is_found() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::other(io::Error::other(inner));
        assert!(find_cause::<rustls::Error>(&error).is_some());
    }

    #[test]
    fn names_of_a_certificate_are_shown_plainly() {
        assert_eq!(plain_name("DnsName(\"a.example\")"), "a.example");
        assert_eq!(plain_name("IpAddress(127.0.0.1)"), "IpAddress(127.0.0.1)");
    }
}
