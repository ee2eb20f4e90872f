//! Certificates, spools and projection.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use eqp_receiver::{SpoolSettings, Tls};
use eqp_store::AlertSeverity;
use eqp_sync::AlertKind;
use eqp_test_support::callbacks::{CallbackDatabase, first_form};
use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::Watch;

/// Issues a certificate that is valid for this number of days, and writes it and its key into a folder.
fn issue(folder: &Path, ca: &Issuer<'_, &KeyPair>, days: i64) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::days(90), now + Duration::days(days));
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), params.signed_by(&key, ca).unwrap().pem()).unwrap();
}

#[tokio::test]
async fn a_certificate_opens_alerts_30_and_7_days_before_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let tls = || Tls::Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = params.self_signed(&ca_key).unwrap().pem();
    let ca = Issuer::from_params(&params, &ca_key);
    issue(folder.path(), &ca, 20);
    let reload = Arc::new(Notify::new());
    let receiver =
        TestReceiver::trusting(&ca_pem, |builder| builder.tls(tls()).reload_certificate(Arc::clone(&reload))).await;
    let mut watch = Watch::of(&receiver.database).await;
    watch.until(Duration::ZERO, (1, 0, 0)).await;
    let first = watch.the(AlertKind::CertificateExpiresWithinMonth).await.id;
    assert_eq!(watch.after(Duration::days(14)).await.opened, 1);
    let second = watch.the(AlertKind::CertificateExpiresWithinWeek).await.id;

    // Other receivers serve the same certificate.
    let shutdown = CancellationToken::new();
    let mut others = Vec::new();
    for _ in 0..2 {
        let other = receiver.builder(receiver.database.options.clone()).tls(tls()).build().await.unwrap();
        others.push(tokio::spawn(other.run(shutdown.clone())));
        watch.until(Duration::days(14), (0, 2, 0)).await;
    }
    let text = watch.acknowledge(AlertKind::CertificateExpiresWithinWeek, AlertSeverity::Page).await;
    assert_eq!(text.scope.as_deref(), Some("3 receivers"));
    watch.acknowledge(AlertKind::CertificateExpiresWithinMonth, AlertSeverity::Ticket).await;

    shutdown.cancel();
    for other in others {
        other.await.unwrap().unwrap();
    }
    issue(folder.path(), &ca, 90);
    reload.notify_one();
    watch.until(Duration::days(14), (0, 0, 2)).await;
    watch.is_resolved(first).await;
    watch.is_resolved(second).await;
    receiver.stop().await;
}

#[tokio::test]
async fn an_alert_about_a_certificate_stays_open_while_its_receiver_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = params.self_signed(&key).unwrap().pem();
    issue(folder.path(), &Issuer::from_params(&params, &key), 20);
    let tls = Tls::Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let receiver = TestReceiver::trusting(&ca_pem, |builder| builder.tls(tls)).await;
    let mut watch = Watch::of(&receiver.database).await;
    watch.until(Duration::ZERO, (1, 0, 0)).await;
    let _database = receiver.stop_and_keep().await;
    let evaluation = watch.after(Duration::ZERO).await;
    assert_eq!((evaluation.resolved, watch.open().await.len()), (0, 1));
}

#[tokio::test]
async fn a_spool_that_is_not_drained_opens_an_alert_until_it_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = TestReceiver::with(|builder| builder.spool(SpoolSettings::in_folder(folder.path()))).await;
    let mut watch = Watch::of(&receiver.database).await;
    // The database answers, and does not accept callbacks.
    receiver
        .execute(
            "create function reject() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
             create trigger reject before insert on eqp.callback for each statement execute function reject()",
        )
        .await;
    let late = Duration::minutes(11);
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    assert_eq!(watch.after(Duration::ZERO).await.opened, 0);
    watch.until(late, (1, 0, 0)).await;
    let id = watch.the(AlertKind::SpoolNotEmpty).await.id;
    for _ in 0..2 {
        assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
        watch.until(late, (0, 1, 0)).await;
    }
    let text = watch.acknowledge(AlertKind::SpoolNotEmpty, AlertSeverity::Page).await;
    assert!(text.meaning.starts_with("3 callbacks received since"), "{text:?}");

    receiver.execute("drop trigger reject on eqp.callback").await;
    until("the spool is drained", || async { receiver.stored().await.len() == 3 }).await;
    // Nothing projects here, so an alert about that opens.
    watch.until(late, (1, 0, 1)).await;
    let (alert, _) = watch.operators.show(id).await.unwrap();
    assert!(alert.resolved_at.is_some());
    receiver.stop().await;
}

#[tokio::test]
async fn callbacks_that_are_not_projected_open_an_alert() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    let mut seen = Vec::new();
    for minutes in [40, 30, 20] {
        let body = first_form("s1", "technical", if minutes == 30 { "approved" } else { "rejected" });
        database.callbacks_of(watch.begun - Duration::minutes(minutes), &[body]).await;
        let evaluation = watch.after(Duration::ZERO).await;
        seen.push((evaluation.opened, evaluation.updated));
        if minutes > 20 {
            database.project().await;
        }
    }
    assert_eq!(seen, [(1, 0), (0, 1), (0, 1)]);
    let id = watch.the(AlertKind::ProjectionBehind).await.id;
    watch.acknowledge(AlertKind::ProjectionBehind, AlertSeverity::Page).await;
    database.project().await;
    assert_eq!(watch.after(Duration::ZERO).await.resolved, 1);
    watch.is_resolved(id).await;
}
