//! Tests that the doctor diagnoses the receiver on this machine.

use std::io::Write;
use std::net::TcpListener;

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use eqp_test_support::tool::Home;
use eqp_test_support::vendor::TestVendor;

/// Returns the doctor's check of the receiver.
fn check(home: &Home, address: &str, options: &[&str]) -> Value {
    named_check(home, "receiver", &[&["--listen", address][..], options].concat())
}

/// Returns a check of the doctor.
pub(crate) fn named_check(home: &Home, name: &str, options: &[&str]) -> Value {
    let ended = home.run_aside(&[&["doctor", "--json"][..], options].concat());
    let reported: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    reported["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone()
}

pub(crate) fn is(check: &Value, state: &str, text: &str) {
    assert!(check["state"] == state && check.to_string().contains(text), "{state} {text}: {check}");
}

/// Certificate files: self-signed, as created by `openssl req -x509` (a CA), or a leaf without its CA.
#[derive(Clone, Copy)]
enum Kind {
    SelfSigned,
    SelfSignedCa,
    LeafOnly,
}

/// Writes a certificate and its key, valid from and until the given numbers of days from now.
fn write_pair_valid(home: &Home, name: &str, kind: Kind, days: [i64; 2]) -> [String; 4] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["eqp.example.com".to_owned()]).unwrap();
    let [from, until] = days.map(|days| time::OffsetDateTime::now_utc() + time::Duration::days(days));
    (params.not_before, params.not_after) = (from, until);
    let ca = || rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = match kind {
        Kind::SelfSigned => params.self_signed(&key).unwrap(),
        Kind::SelfSignedCa => {
            params.is_ca = ca();
            params.self_signed(&key).unwrap()
        }
        Kind::LeafOnly => {
            let ca_key = KeyPair::generate().unwrap();
            let mut ca_params = CertificateParams::new(Vec::new()).unwrap();
            ca_params.is_ca = ca();
            params.signed_by(&key, &rcgen::Issuer::from_params(&ca_params, &ca_key)).unwrap()
        }
    };
    let (certificate_file, key_file) = (format!("{name}-cert.pem"), format!("{name}-key.pem"));
    home.write(&certificate_file, &certificate.pem());
    home.write(&key_file, &key.serialize_pem());
    ["--tls-cert".to_owned(), certificate_file, "--tls-key".to_owned(), key_file]
}

fn write_pair(home: &Home, name: &str) -> [String; 4] {
    write_pair_valid(home, name, Kind::SelfSigned, [-1, 90])
}

/// Answers connections with these bytes. Returns their address.
pub(crate) fn answers(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut connection, &mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    address
}

/// Checks that the error contains no output of Rust's `Debug`.
fn reads_as_text(check: &Value) {
    for debug in ["Other(", "Error(", "Invalid", "Unknown", "+00:00", "BadSignature", "Context"] {
        assert!(!check.to_string().contains(debug), "{debug}: {check}");
    }
}

/// The doctor compares the certificate with the file. Whether it is trusted depends on the clients.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_compares_the_certificate_that_is_served_with_the_file() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off", "--json"];
    for (name, kind, days, state, words) in [
        ("ca", Kind::SelfSignedCa, [-1, 90], "fine", ["is ready", ""]),
        ("leaf", Kind::LeafOnly, [-1, 90], "fine", ["is ready", ""]),
        ("expired", Kind::SelfSigned, [-90, -1], "failed", ["expired on 20", "renew it"]),
        ("early", Kind::SelfSigned, [1, 90], "failed", ["is not valid before 20", "clock of this machine"]),
    ] {
        let files = write_pair_valid(home, name, kind, days);
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        let mut running = tokio::task::block_in_place(|| home.start(&[&serve[..], &files].concat()));
        let address = tokio::task::block_in_place(|| address_of(&mut running));
        let reported = check(home, &address, &files);
        for words in words {
            is(&reported, state, words);
        }
        assert!(!reported.to_string().contains("SIGHUP"), "{reported}");
        reads_as_text(&reported);
        if name == "leaf" {
            let other = write_pair(home, "renewed");
            let other: Vec<_> = other.iter().map(String::as_str).collect();
            let reported = check(home, &address, &other);
            is(&reported, "failed", "the receiver does not serve the certificate in renewed-cert.pem");
            is(&reported, "failed", "send SIGHUP to the receiver");
            reads_as_text(&reported);
        }
        running.terminate();
        assert_eq!(tokio::task::block_in_place(|| running.end()).code, 0);
    }
}

fn address_of(serve: &mut eqp_test_support::tool::Running) -> String {
    let listening = serve.json_line()["listening"].as_str().unwrap().to_owned();
    listening.split_once("://").unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_speaks_tls_with_the_receiver_and_says_what_is_wrong() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    is(&check(home, "127.0.0.1:1", &[]), "absent", "connection refused");

    let serve = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off", "--json"];
    let mut running = tokio::task::block_in_place(|| home.start(&serve));
    let address = tokio::task::block_in_place(|| address_of(&mut running));
    is(&check(home, &address, &[]), "fine", "is ready");
    // Another certificate than the receiver's, and the wrong protocol.
    let own = write_pair(home, "own");
    let own: Vec<_> = own.iter().map(String::as_str).collect();
    is(&check(home, &address, &own), "failed", "TLS with https://");
    is(&check(home, &address, &own), "failed", "the receiver does not serve the certificate in own-cert.pem");
    is(&check(home, &address, &["--behind-proxy"]), "failed", "remove --behind-proxy");
    running.terminate();
    assert_eq!(tokio::task::block_in_place(|| running.end()).code, 0);

    let mut running = tokio::task::block_in_place(|| home.start(&[&serve[..], &own].concat()));
    let address = tokio::task::block_in_place(|| address_of(&mut running));
    is(&check(home, &address, &own), "fine", "is ready");
    let reported = check(home, &address, &[]);
    is(&reported, "failed", "the local CA of this data folder did not issue");
    reads_as_text(&reported);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_reports_why_a_receiver_is_not_ready_within_a_time_limit() {
    let vendor = TestVendor::start(crate::EQP).await;
    let mut home = Home::at(crate::EQP, vendor.home.path());
    home.set("EQP_DATABASE_URL", vendor.database.url());
    let not_ready =
        answers("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 8\r\nconnection: close\r\n\r\nstarting");
    is(&check(&home, &not_ready, &["--behind-proxy"]), "failed", "starting");
    let other = answers("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    is(&check(&home, &other, &["--behind-proxy"]), "failed", "not a receiver");
    let reported = check(&home, &other, &[]);
    is(&reported, "failed", "this port answers without TLS");
    reads_as_text(&reported);
    // It accepts connections and never sends anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    is(&check(&home, &silent.local_addr().unwrap().to_string(), &[]), "failed", "did not answer within");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_calls_the_public_url_with_a_wrong_password() {
    let vendor = TestVendor::start(crate::EQP).await;
    let checked = |state: &str, text: &str| is(&named_check(&vendor.home, "public URL", &[]), state, text);
    let (serve, base) = vendor.serve();
    checked("absent", "no endpoint");
    let url = format!("{base}/callbacks/main");
    assert_eq!(vendor.home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url]).code, 0);
    checked("fine", "1 URL rejected a wrong password");
    drop(serve);
    checked("failed", "no connection");
    // The heartbeat of a receiver that was killed expires after some time.
    let sql = "update eqp.receiver set heartbeat_at = now() - interval '1 hour'";
    sqlx::query(sql).execute(&vendor.database.pool).await.unwrap();
    let stopped = vendor.home.run_aside(&["doctor", "--listen", "127.0.0.1:1"]);
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(
        stopped.stdout.contains("failed  receiver: no receiver is running, but an endpoint is registered\n"),
        "{stopped:?}"
    );
    // A callback or a canary has arrived lately, and a receiver runs on another machine: this machine cannot reach it.
    sqlx::raw_sql(
        "update eqp.receiver set heartbeat_at = now() + interval '1 minute';
         insert into eqp.canary (endpoint_id, username, password_hmac, expires_at, callback_id, passed_at)
         select id, 'c', decode(repeat('00', 32), 'hex'), now(), gen_random_uuid(), now() - interval '1 hour'
         from eqp.endpoint",
    )
    .execute(&vendor.database.pool)
    .await
    .unwrap();
    checked("warning", "no connection");
    is(&check(&vendor.home, "127.0.0.1:1", &[]), "absent", "connection refused");
    is(&named_check(&vendor.home, "disk", &[]), "fine", "MB are free");
    // A program that accepts everything loses callbacks.
    let other = answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let sql = "update eqp.endpoint set public_url = $1";
    sqlx::query(sql).bind(format!("http://{other}/callbacks")).execute(&vendor.database.pool).await.unwrap();
    checked("failed", "accepts a wrong password");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_warns_about_accounts_that_are_not_compared_with_the_marketplace() {
    let vendor = TestVendor::start(crate::EQP).await;
    assert_eq!(vendor.home.run_aside(&["migrate"]).code, 0);
    let checked = |state: &str, text: &str| is(&named_check(&vendor.home, "reconciliation", &[]), state, text);
    checked("absent", "no access key is stored");
    assert_eq!(vendor.home.run_aside(&["accounts", "add"]).code, 0);
    checked("warning", "was never compared");
    assert_eq!(vendor.home.run_aside(&["reconcile"]).code, 0);
    checked("fine", "was compared");
    let shift = "update eqp.reconcile_run set started_at = started_at - interval '1 hour',
                                              finished_at = finished_at - interval '1 hour'";
    sqlx::query(shift).execute(&vendor.database.pool).await.unwrap();
    checked("warning", "was compared 1h");
}

#[test]
fn a_port_that_needs_rights_names_the_cause_and_the_remedies() {
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    if !is_root || first_free.trim().parse::<u16>().unwrap_or(1024) <= 443 {
        println!("did not run: it needs root, to give up its rights, and a system on which port 443 needs some");
        return;
    }
    let mut home = Home::new(crate::EQP);
    home.run_through(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::os::unix::fs::chown(&data, Some(65534), Some(65534)).unwrap();
    let ended = home.run(&["simulator", "--listen", "127.0.0.1:443"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in ["below 1024", "CAP_NET_BIND_SERVICE", "AmbientCapabilities", "127.0.0.1:8443"] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
}
