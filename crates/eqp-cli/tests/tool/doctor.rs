//! Tests of `eqp doctor`: the canary, the steps before go-live, and what the checks find.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use eqp_console::{OperatorClient, OperatorService, Principal};
use eqp_store::Store;
use eqp_sync::CANARY_BODY;
use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::{TestVendor, use_marketplace};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::reach::{answers, is, named_check};

/// Returns a vendor with a running receiver and a registered endpoint.
async fn registered() -> (TestVendor, eqp_test_support::tool::Running) {
    let vendor = TestVendor::start(crate::EQP).await;
    let (serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    let added = vendor.home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");
    (vendor, serve)
}

async fn count(vendor: &TestVendor, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&vendor.database.pool).await.unwrap()
}

fn canary(ended: &Ended) -> Value {
    let reported: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let checks = reported["checks"].as_array().unwrap();
    assert!(checks.len() == 1 && checks[0]["name"] == "canary", "only this check: {reported}");
    checks[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_passes_and_is_neither_an_event_nor_a_callback_from_adobe() {
    let (vendor, _serve) = registered().await;
    let before = vendor.home.run_aside(&["doctor"]);
    let steps: Vec<_> = before.stdout.lines().take(5).collect();
    let expected = [
        "BEFORE GO-LIVE",
        "  1 key stored: no (eqp accounts add)",
        "  2 endpoint reachable: not checked (eqp doctor --canary)",
        "  3 registered: done",
        "  4 first callback from Adobe: not yet",
    ];
    assert_eq!(steps, expected, "{before:?}");

    let sent = vendor.home.run_aside(&["doctor", "--canary", "--json"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    is(&canary(&sent), "fine", "main: passed from this machine");
    assert!(!sent.stdout.contains("canary-eqp"), "the credential is not shown: {sent:?}");
    let stored = "select count(*) from eqp.callback where credential_id < 0";
    assert_eq!(count(&vendor, stored).await, 1, "it is stored");
    for (sql, what) in [
        ("select count(*) from eqp.callback_pending", "it is not queued"),
        ("select count(*) from eqp.event", "it is not an event"),
        ("select count(*) from eqp.callback_disposition", "it is not projected"),
        (
            "select count(*) from eqp.credential where last_used_at is not null",
            "it does not count as use of a credential",
        ),
        ("select count(*) from eqp.rejected_callback", "it is not a rejected callback"),
    ] {
        assert_eq!(count(&vendor, sql).await, 0, "{what}");
    }
    assert_eq!(vendor.reader().counts(None).await.unwrap().callbacks_received, 0);
    let status = vendor.home.run_aside(&["status"]);
    assert!(status.stdout.contains("none from Adobe yet (canary passed 0 min ago)"), "{status:?}");
    let status = vendor.home.json(&["status", "--json"]);
    assert_eq!(status["channel"]["last_callback_at"], Value::Null, "{status}");
    let after = vendor.home.run_aside(&["doctor"]);
    assert!(after.stdout.contains("  2 endpoint reachable: yes, canary passed 0 min ago\n"), "{after:?}");
    assert_eq!(count(&vendor, "select count(*) from eqp.audit where action like 'canary.%'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_says_why_and_ends_with_1() {
    let (vendor, serve) = registered().await;
    let unknown = vendor.home.run_aside(&["doctor", "--canary", "other"]);
    assert!(unknown.code == 4 && unknown.stderr.contains("there is no registered endpoint other"), "{unknown:?}");
    drop(serve);
    let refused = vendor.home.run_aside(&["doctor", "--canary", "main", "--json"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    is(&canary(&refused), "failed", "no connection");
    is(&canary(&refused), "failed", "--via");
    let point_to = async |address: &str| {
        let sql = "update eqp.endpoint set public_url = $1";
        sqlx::query(sql).bind(format!("http://{address}/x")).execute(&vendor.database.pool).await.unwrap();
    };
    for (answer, words) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"eqp\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "rejects the credential of the canary",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", "does not contain the ID"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "not that of a receiver"),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "cannot store callbacks now",
        ),
    ] {
        point_to(&answers(answer)).await;
        let failed = vendor.home.run_aside(&["doctor", "--canary", "--json"]);
        assert_eq!(failed.code, 1, "{failed:?}");
        is(&canary(&failed), "failed", words);
    }
    assert_eq!(count(&vendor, "select count(*) from eqp.canary where passed_at is not null").await, 0);
    let shown = vendor.home.run_aside(&["doctor", "--canary"]);
    assert!(shown.stdout.starts_with("failed  canary: main: the canary was not acknowledged"), "{shown:?}");
    // The port does not speak TLS.
    let sql = "update eqp.endpoint set public_url = $1";
    let plain = format!("https://{}/x", answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    sqlx::query(sql).bind(plain).execute(&vendor.database.pool).await.unwrap();
    let failed = vendor.home.run_aside(&["doctor", "--canary", "--json"]);
    is(&canary(&failed), "failed", "the port speaks plain HTTP");
    is(&canary(&failed), "failed", "serve HTTPS there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_confirmed_only_if_it_arrived_as_it_was_sent_and_before_its_end() {
    let (vendor, _serve) = registered().await;
    let service = OperatorService::new(Store::new(vendor.database.pool.clone()));
    let client = OperatorClient::in_process(&service, Principal::Local);
    // Stores a callback of a new canary, with this body and headers, and confirms it.
    let confirmed = async |age: &str, body: &str, headers: &str| {
        let (canary, callback): (i64, Uuid) = sqlx::query_as(
            "with canary as (
                 insert into eqp.canary (endpoint_id, username, password_hmac, expires_at)
                 select id, gen_random_uuid()::text, decode(repeat('00', 32), 'hex'), now() - $1::text::interval
                 from eqp.endpoint
                 returning id, endpoint_id)
             insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
             select gen_random_uuid(), endpoint_id, id, now(), '192.0.2.7', $3::bytea, $2::bytea, 'writer' from canary
             returning credential_id, id",
        )
        .bind(age)
        .bind(body.as_bytes())
        .bind(headers.as_bytes())
        .fetch_one(&vendor.database.pool)
        .await
        .unwrap();
        client.confirm_canary(canary, callback).await.unwrap()
    };
    let passed = confirmed("-1 minute", CANARY_BODY, "").await;
    assert!(
        passed.is_stored && passed.is_unchanged && passed.passed_at.is_some() && passed.path.is_none(),
        "{passed:?}"
    );
    let moved = confirmed("-1 minute", CANARY_BODY, ":path: /other?x=1\r\n").await;
    assert_eq!((moved.is_unchanged, moved.path.as_deref()), (true, Some("/other?x=1")), "{moved:?}");
    let changed = confirmed("-1 minute", "{}", "").await;
    assert!(changed.is_stored && !changed.is_unchanged && changed.passed_at.is_none(), "{changed:?}");
    let late = confirmed("1 second", CANARY_BODY, "").await;
    assert!(!late.is_stored && late.passed_at.is_none(), "it arrived after its end: {late:?}");
    assert_eq!(count(&vendor, "select count(*) from eqp.canary where passed_at is not null").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_steps_before_go_live_come_from_the_configuration_and_the_marketplace() {
    let (vendor, _serve) = registered().await;
    let steps = |home: &Home| {
        let ended = home.run_aside(&["doctor"]);
        ended.stdout.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut home = Home::new(crate::EQP);
    assert_eq!(
        steps(&home)[1..4],
        [
            "  1 key stored: no (eqp login)",
            "  2 endpoint reachable: not checked without an access key",
            "  3 registered: not checked without an access key",
        ]
    );
    use_marketplace(&mut home, &vendor.simulator);
    let steps = steps(&home);
    assert_eq!(steps[0], "BEFORE GO-LIVE");
    assert_eq!(steps[1], "  1 key stored: done, in the configuration of this machine");
    // This home does not trust the local CA of the receiver.
    assert!(steps[2].starts_with("  2 endpoint reachable: no, https://"), "{steps:?}");
    assert!(steps[3].starts_with("  3 registered: 1 entry in the Marketplace's list"), "{steps:?}");
    assert_eq!(steps[4], "  4 first callback from Adobe: not yet: there is no database here");
    assert!(!home.path().join("data").exists(), "nothing is created");
}

/// Starts an HTTP proxy on this machine, which represents another host. Returns its URL and the number of connections that it has made.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
                let mut server = TcpStream::connect(target).await.unwrap();
                counter.fetch_add(1, Relaxed);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (url, made)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_makes_the_request_of_a_canary() {
    let (vendor, _serve) = registered().await;
    let (url, made) = proxy().await;
    let sent = vendor.home.run_aside(&["doctor", "--canary", "--via", &url, "--json"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    is(&canary(&sent), "fine", &format!("passed via {url}"));
    assert_eq!(made.load(Relaxed), 1);
    let refused = vendor.home.run_aside(&["doctor", "--canary", "--via", "http://127.0.0.1:2", "--json"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    is(&canary(&refused), "failed", "check that the proxy accepts connections");
    let alone = vendor.home.run_aside(&["doctor", "--via", &url]);
    assert_eq!(alone.code, 2, "{alone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_folder_that_cannot_be_written_is_a_failure() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.home.write("file", "");
    let ended = vendor.home.run_aside(&["doctor", "--spool-dir", "file/spool", "--json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    is(&named_check(&vendor.home, "spool", &["--spool-dir", "file/spool"]), "failed", "cannot be stored in");
    is(&named_check(&vendor.home, "spool", &["--spool-bytes", "0"]), "absent", "disabled");
    assert!(!vendor.home.path().join("data/spool").exists(), "nothing was created");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_drift_other_versions_lost_durability_and_handlers_that_are_down() {
    let vendor = TestVendor::start(crate::EQP).await;
    let url = "https://127.0.0.1:2/callbacks/main";
    assert_eq!(vendor.home.run_aside(&["callbacks", "add", "--name", "main", "--url", url]).code, 0);
    let checked = |name: &str, state: &str, text: &str| is(&named_check(&vendor.home, name, &[]), state, text);
    checked("registrations", "fine", "as it should be for 1 endpoint");
    checked("versions", "fine", "no receiver is running");
    checked("clock", "fine", "the Marketplace's API and the database");
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&vendor.database.pool).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        r#"update eqp.registration_check set state = 'missing', consistent = false;
           insert into eqp.receiver (id, heartbeat_at, credential_generation, version)
               values (gen_random_uuid(), now(), 0, '0.0.1');
           insert into eqp.subscription (name, filter, handler) values ('shop', '{{}}', '{{"type": "exec", "program": "x"}}');
           insert into eqp.subscription_state (subscription_id, failing_since, open_until)
               select id, now() - interval '1 hour', now() from eqp.subscription;
           insert into eqp.canary (endpoint_id, username, password_hmac, expires_at, callback_id, passed_at)
               select id, 'c', decode(repeat('00', 32), 'hex'), now(), gen_random_uuid(), now() from eqp.endpoint;
           alter database {name} set synchronous_commit = off"#
    )))
    .execute(&vendor.database.pool)
    .await
    .unwrap();
    let ended = vendor.home.run_aside(&["doctor", "--json"]);
    assert_eq!(ended.code, 0, "warnings do not fail: {ended:?}");
    let reported: Value = serde_json::from_str(&ended.stdout).unwrap();
    for (name, words, remedy) in [
        ("registrations", "main (production) is missing", "eqp callbacks plan"),
        ("versions", "running receivers are 0.0.1", "restart the receivers"),
        ("deliveries", "the handler of shop has been down since", "eqp deliveries list --waiting --subscription shop"),
        ("durability", "is off", "set "),
    ] {
        let check = reported["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        is(check, "warning", words);
        assert!(check["remedy"].as_str().unwrap().contains(remedy), "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_no_longer_registered_is_not_checked_and_can_be_forgotten() {
    let vendor = TestVendor::start(crate::EQP).await;
    let url = "https://127.0.0.1:2/callbacks/main";
    let add = ["callbacks", "add", "--name", "main", "--url", url];
    let forget = ["callbacks", "forget", "--name", "main"];
    assert_eq!(vendor.home.run_aside(&add).code, 0);
    is(&named_check(&vendor.home, "public URL", &[]), "failed", "no connection");
    let refused = vendor.home.run_aside(&forget);
    assert!(refused.code == 1 && refused.stderr.contains("is still registered"), "{refused:?}");
    assert_eq!(vendor.home.run_aside(&["callbacks", "remove", "--name", "main"]).code, 0);
    is(&named_check(&vendor.home, "public URL", &[]), "absent", "no endpoint is registered");
    let status = vendor.home.json(&["status", "--json"]);
    assert_eq!(status["channel"]["endpoints"], serde_json::json!([]), "it still accepts callbacks: {status}");
    let refused = vendor.home.run_aside(&forget);
    assert!(refused.code == 1 && refused.stderr.contains("still accepts callbacks"), "{refused:?}");
    sqlx::query("update eqp.credential set state = 'retired'").execute(&vendor.database.pool).await.unwrap();
    let forgotten = vendor.home.run_aside(&forget);
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    assert_eq!(vendor.home.run_aside(&forget).code, 4);
    let again = vendor.home.run_aside(&add);
    assert_eq!(again.code, 0, "the name and the path are free: {again:?}");
}
