//! Certificates are replaced while callbacks arrive.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eqp_receiver::{Metrics, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use time::{Duration, OffsetDateTime};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use eqp_test_support::receiver::{PATH, RIGHT, STATUS, TestReceiver, until};
use eqp_test_support::sender::{Sender, post, read_answer};

/// A CA, and a pair of files for the certificates that it issues.
struct Files {
    folder: tempfile::TempDir,
    params: CertificateParams,
    key: KeyPair,
    ca_pem: String,
}

impl Files {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = params.self_signed(&key).unwrap().pem();
        Self { folder: tempfile::tempdir().unwrap(), params, key, ca_pem }
    }

    /// Issues a certificate that is valid for this number of days from now, and returns it with its key.
    fn issue(&self, days: i64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let now = OffsetDateTime::now_utc();
        (params.not_before, params.not_after) = (now - Duration::days(90), now + Duration::days(days));
        let issued = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
        (issued.pem(), key.serialize_pem())
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn tls(&self) -> Tls {
        Tls::Files { certificate: self.certificate(), key: self.key() }
    }
}

/// Replaces a file as programs that renew certificates do.
fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("new");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, file).unwrap();
}

/// Returns the certificate that a new connection gets.
async fn shown(sender: &Sender) -> Vec<u8> {
    let stream = sender.connect().await;
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn metric(receiver: &TestReceiver, series: &str) -> f64 {
    let text =
        reqwest::get(format!("http://{}/metrics", receiver.operator.unwrap())).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
}

async fn receiver(files: &Files, reload: &Arc<Notify>) -> TestReceiver {
    let metrics = Metrics::default();
    TestReceiver::trusting(&files.ca_pem, |builder| {
        builder
            .tls(files.tls())
            .metrics(metrics)
            .reload_certificate(Arc::clone(reload))
            .operator_listen((Ipv4Addr::LOCALHOST, 0).into())
    })
    .await
}

#[tokio::test]
async fn a_certificate_is_replaced_without_ending_a_connection_and_a_wrong_pair_is_not_taken() {
    let (files, reload) = (Files::new(), Arc::new(Notify::new()));
    let (first, second) = (files.issue(90), files.issue(20));
    replace(&files.certificate(), &first.0);
    replace(&files.key(), &first.1);
    let receiver = receiver(&files, &reload).await;
    let before = shown(&receiver.sender).await;
    let mut kept = receiver.sender.connect().await;
    let request = String::from_utf8(post(PATH, RIGHT, STATUS.as_bytes())).unwrap();
    let staying = request.replace("connection: close\r\n", "");
    kept.write_all(staying.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut kept).await.status, 200);

    // Only half of the pair is replaced.
    replace(&files.certificate(), &second.0);
    reload.notify_one();
    let failed = r#"eqp_certificate_reloads_total{result="failed"}"#;
    until("the wrong pair is reported", || async { metric(&receiver, failed).await >= 1.0 }).await;
    assert_eq!(shown(&receiver.sender).await, before, "the old pair stays in use");
    let ready = receiver.sender.get("/readyz").await;
    assert!(ready.status == 200 && ready.body.contains("cannot be reloaded"), "{ready:?}");

    // The change is noticed without a request.
    replace(&files.key(), &second.1);
    until("the new one is shown", || async { shown(&receiver.sender).await != before }).await;
    assert!(
        (metric(&receiver, r#"eqp_certificate_reloads_total{result="replaced"}"#).await - 1.0).abs() < f64::EPSILON
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let in_days = (metric(&receiver, "eqp_certificate_expiry_timestamp_seconds").await - now) / 86_400.0;
    assert!((19.0..=20.0).contains(&in_days), "{in_days}");
    until("its expiry is reported", || async {
        receiver.sender.get("/readyz").await.body.contains(r#""certificate":"expires in less than 30 days"#)
    })
    .await;
    kept.write_all(&post(PATH, RIGHT, STATUS.as_bytes())).await.unwrap();
    assert_eq!(read_answer(&mut kept).await.status, 200, "the connection from before goes on");
    receiver.stop().await;
}

#[tokio::test]
async fn an_expired_certificate_does_not_replace_a_valid_one() {
    let (files, reload) = (Files::new(), Arc::new(Notify::new()));
    let (valid, expired, renewed) = (files.issue(90), files.issue(-1), files.issue(80));
    replace(&files.certificate(), &valid.0);
    replace(&files.key(), &valid.1);
    let receiver = receiver(&files, &reload).await;
    let before = shown(&receiver.sender).await;

    replace(&files.certificate(), &expired.0);
    replace(&files.key(), &expired.1);
    reload.notify_one();
    until("it is reported", || async {
        receiver.sender.get("/readyz").await.body.contains("the files contain an expired certificate")
    })
    .await;
    assert!(metric(&receiver, r#"eqp_certificate_reloads_total{result="failed"}"#).await >= 1.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(metric(&receiver, "eqp_certificate_expiry_timestamp_seconds").await > now, "of the one in use");
    assert_eq!(shown(&receiver.sender).await, before, "the valid one stays in use");

    replace(&files.certificate(), &renewed.0);
    replace(&files.key(), &renewed.1);
    until("the new one is shown", || async { shown(&receiver.sender).await != before }).await;
    until("all is well", || async { !receiver.sender.get("/readyz").await.body.contains("certificate") }).await;
    receiver.stop().await;
}

#[tokio::test]
async fn an_expired_certificate_is_served_and_reported_until_it_is_renewed() {
    let (files, reload) = (Files::new(), Arc::new(Notify::new()));
    let (expired, renewed) = (files.issue(-1), files.issue(90));
    replace(&files.certificate(), &expired.0);
    replace(&files.key(), &expired.1);
    let database = eqp_test_support::TestDatabase::create().await;
    eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
    let receiver = eqp_receiver::Receiver::builder(database.pool.clone())
        .master_key(eqp_store::MasterKey::ephemeral().unwrap())
        .listen((Ipv4Addr::LOCALHOST, 0).into())
        .operator_listen((Ipv4Addr::LOCALHOST, 0).into())
        .tls(files.tls())
        .reload_certificate(Arc::clone(&reload))
        .build()
        .await
        .unwrap();
    let (sender, operator) = (Sender::new(receiver.local_addr(), &files.ca_pem), receiver.operator_addr().unwrap());
    let shutdown = eqp_receiver::CancellationToken::new();
    let running = tokio::spawn(receiver.run(shutdown.clone()));
    let ready = || async { reqwest::get(format!("http://{operator}/readyz")).await.unwrap().text().await.unwrap() };
    until("it is reported", || async { ready().await.contains(r#""certificate":"expired at "#) }).await;
    let refused = sender.connect_with_alpn(&[b"http/1.1"]).await.unwrap_err().to_string();
    assert!(refused.to_lowercase().contains("expired"), "{refused}");

    replace(&files.key(), &renewed.1);
    replace(&files.certificate(), &renewed.0);
    reload.notify_one();
    until("the new one is served", || async { sender.connect_with_alpn(&[b"http/1.1"]).await.is_ok() }).await;
    until("all is well", || async { !ready().await.contains("certificate") }).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}
