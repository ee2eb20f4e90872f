//! Tests that the client rejects untrusted certificates.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use axum::Router;
use eqp_client::{Error, TlsProblem};
use eqp_test_support::api_server::{ApiServer, builder, with_tokens};
use eqp_tls::{Identity, LocalCa};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};

fn routes() -> Router {
    with_tokens(Router::new()).0
}

/// Returns an identity for 127.0.0.1 that is valid between two days relative to now, and its CA.
fn identity(from: i64, until: i64) -> (Identity, String) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = OffsetDateTime::now_utc() + Duration::days(from);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(until);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    (Identity::from_pem(&certificate.pem(), &key.serialize_pem()).unwrap(), ca_pem)
}

async fn problem(server: &ApiServer) -> TlsProblem {
    let error = server.client().session().await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_retryable(), "{error}");
    assert!(error.to_string().contains("cannot be trusted: its certificate"), "{error}");
    match error {
        Error::Session(source) => match &*source {
            Error::Tls { problem, .. } => problem.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn takes_a_certificate_of_the_ca_that_is_trusted_besides() {
    let server = ApiServer::start(routes());
    assert_eq!(server.client().session().await.unwrap().mage_id.as_str(), "MAG1");
}

#[tokio::test]
async fn refuses_a_certificate_of_an_unknown_ca() {
    let mut server = ApiServer::start(routes());
    server.ca_pem = LocalCa::ephemeral().unwrap().certificate_pem().to_owned();
    assert_eq!(problem(&server).await, TlsProblem::NotTrusted);
}

#[tokio::test]
async fn refuses_an_expired_certificate() {
    let (identity, ca_pem) = identity(-2, -1);
    assert_eq!(problem(&ApiServer::start_as(routes(), &identity, &ca_pem)).await, TlsProblem::Expired);
}

#[tokio::test]
async fn refuses_a_certificate_that_is_not_valid_yet() {
    let (identity, ca_pem) = identity(1, 2);
    assert_eq!(problem(&ApiServer::start_as(routes(), &identity, &ca_pem)).await, TlsProblem::NotYetValid);
}

#[tokio::test]
async fn refuses_a_certificate_for_another_name_and_says_for_which() {
    let ca = LocalCa::ephemeral().unwrap();
    let identity = ca.issue(&["marketplace.example".to_owned()]).unwrap();
    let server = ApiServer::start_as(routes(), &identity, ca.certificate_pem());
    assert_eq!(problem(&server).await, TlsProblem::WrongName { belongs_to: vec!["marketplace.example".to_owned()] });
}

#[test]
fn speaks_https_only() {
    for (url, reason) in [
        ("http://127.0.0.1:8080", "must begin with https"),
        ("https://me:hush@127.0.0.1", "credentials"),
        ("https://127.0.0.1/?a=b", "query"),
        ("https://127.0.0.1/rest/v1/", "added automatically"),
    ] {
        let error = builder().api_url(url.parse().unwrap()).build().unwrap_err().to_string();
        assert!(error.contains(reason) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn says_when_the_ca_to_trust_is_none() {
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"] {
        let error = builder().trusted_ca_pem(pem).build().unwrap_err();
        assert!(matches!(error, Error::TrustedCa { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn says_when_nobody_is_there() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = builder().api_url(format!("https://{closed}").parse().unwrap()).build().unwrap();
    let error = client.session().await.unwrap_err();
    assert!(error.is_unreachable() && error.is_retryable() && !error.outcome_is_unknown(), "{error}");
    assert!(error.to_string().contains("cannot connect to 127.0.0.1"), "{error}");
}
