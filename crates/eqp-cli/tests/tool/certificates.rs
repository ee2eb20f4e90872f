//! Tests certificate files: they are checked before anything is started, and can be replaced while the receiver runs.

use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};

use eqp_test_support::tool::{Home, NOWHERE};
use eqp_test_support::vendor::TestVendor;

/// Returns a certificate that is valid for this number of days from now, and its key.
fn pair(days: i64) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - time::Duration::days(90), now + time::Duration::days(days));
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn wrong_certificate_files_are_named_before_a_database_is_started() {
    let home = Home::new(crate::EQP);
    let ((certificate, _), (_, key)) = (pair(90), pair(90));
    home.write("cert.pem", &certificate);
    home.write("key.pem", &key);
    let wrong = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let ended = home.run(&wrong);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("does not belong to the certificate"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("BEGIN"), "{}", ended.stderr);
    assert!(!home.path().join("data/postgres").exists(), "no database was made");
    let doctor =
        home.run(&["doctor", "--listen", NOWHERE, "--tls-cert", "cert.pem", "--tls-key", "cert.pem", "--json"]);
    assert!(doctor.code == 1 && doctor.stdout.contains("swapped"), "{doctor:?}");
}

#[test]
fn the_doctor_reports_when_the_certificate_expires() {
    let home = Home::new(crate::EQP);
    for (days, state, text) in
        [(90, "fine", "expires in 89 days"), (9, "warning", "renew it now"), (-1, "failed", "expired on")]
    {
        let (certificate, key) = pair(days);
        home.write("cert.pem", &certificate);
        home.write("key.pem", &key);
        let ended =
            home.run(&["doctor", "--listen", NOWHERE, "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--json"]);
        let reported: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let checks = reported["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "certificate").unwrap();
        assert!(check["state"] == state && check.to_string().contains(text), "{days}: {check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_the_certificate_and_ends_nothing() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    let replace = |(certificate, key): (String, String)| {
        home.write("cert.pem", &certificate);
        home.write("key.pem", &key);
    };
    replace(pair(90));
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let listen = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
    let mut serve = home.start(&[&listen[..], &files].concat());
    let metrics = format!("{}/metrics", serve.json_line()["operator"].as_str().unwrap());
    let hangup = || {
        let sent = Command::new("kill").arg("-HUP").arg(serve.number().to_string()).status().unwrap();
        assert!(sent.success());
    };
    hangup();
    replace(pair(60));
    hangup();
    let reloaded = async {
        loop {
            let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
            if text.contains("eqp_certificate_reloads_total{result=\"replaced\"} 1") {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), reloaded).await.expect("it is reloaded");
    for _ in 0..3 {
        hangup();
    }
    serve.terminate();
    let ended = tokio::task::block_in_place(|| serve.end());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("certificate replaced") && ended.stderr.contains("stopped"), "{ended:?}");
}
