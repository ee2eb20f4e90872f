//! Tests metrics, retention and reprojection with the tool.

use std::time::Duration;

use serde_json::json;
use sqlx::Executor;
use tokio::time::{sleep, timeout};

use eqp_test_support::vendor::{TestVendor, scan};

/// The default address of metrics, if it is free.
const USUAL: &str = "127.0.0.1:8444";

/// Returns a vendor with a receiver that has projected one callback for each of these files.
async fn with_files(files: &[&str]) -> (TestVendor, eqp_test_support::tool::Running) {
    let vendor = TestVendor::start(crate::EQP).await;
    let (serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    let added = vendor.home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");
    for file in files {
        assert_eq!(vendor.send("malware_scan_complete", scan(file)).await, [200]);
    }
    vendor.is_projected().await;
    (vendor, serve)
}

/// Makes all callbacks older by this number of days.
async fn age(vendor: &TestVendor, days: i64) {
    let milliseconds = days * 86_400_000;
    let sql =
        "update eqp.callback set received_at = received_at - make_interval(days => $2::integer), id = older(id, $1)";
    vendor
        .database
        .pool
        .execute(
            "create function older(id uuid, milliseconds bigint) returns uuid language sql as $$
                 select (lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - milliseconds), 12, '0')
                         || substr(replace(id::text, '-', ''), 13))::uuid $$",
        )
        .await
        .unwrap();
    sqlx::query(sql).bind(milliseconds).bind(days).execute(&vendor.database.pool).await.unwrap();
    for sql in [
        "update eqp.callback_disposition set callback_id = older(callback_id, $1)",
        "update eqp.event set callback_id = older(callback_id, $1)",
        "update eqp.track set callback_id = older(callback_id, $1)",
    ] {
        sqlx::query(sql).bind(milliseconds).execute(&vendor.database.pool).await.unwrap();
    }
}

async fn callbacks(vendor: &TestVendor) -> i64 {
    sqlx::query_scalar("select count(*) from eqp.callback").fetch_one(&vendor.database.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_deletes_what_is_older_and_a_dry_run_nothing() {
    let (vendor, _serve) = with_files(&["a", "b"]).await;
    age(&vendor, 500).await;
    assert_eq!(vendor.send("malware_scan_complete", scan("c")).await, [200]);
    vendor.is_projected().await;
    let would = vendor.home.json(&["retention", "--older-than", "400d", "--dry-run", "--json"]);
    assert_eq!((would["would_delete"].clone(), callbacks(&vendor).await), (json!(2), 3));
    let done = vendor.home.json(&["retention", "--older-than", "400d", "--yes", "--json"]);
    assert_eq!((done["deleted"].clone(), callbacks(&vendor).await), (json!(2), 1));
    assert_eq!(vendor.home.json(&["events", "list", "--json"])["events"].as_array().unwrap().len(), 3);
    let ended = vendor.home.run(&["retention", "--older-than", "400m"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("less than a day"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_with_a_retention_period_deletes_automatically() {
    let (vendor, serve) = with_files(&["a"]).await;
    age(&vendor, 500).await;
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
    let _serve =
        vendor.home.start(&["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off", "--retention", "400d"]);
    let gone = async {
        while callbacks(&vendor).await > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), gone).await.expect("it is deleted in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_projected_wrongly_is_put_right_beside_a_running_receiver() {
    let (vendor, _serve) = with_files(&["a", "b"]).await;
    vendor.database.pool.execute("update eqp.event set disposition = 'late' where resource_id = 'a'").await.unwrap();
    let would = vendor.home.json(&["reproject", "--since", "1d", "--dry-run", "--json"]);
    let done = vendor.home.json(&["reproject", "--since", "1d", "--json"]);
    assert_eq!(would, done);
    assert_eq!(
        done,
        json!({"resources": 2, "skipped": 0, "callbacks": 2, "events_kept": 1, "events_new": 1, "events_gone": 1})
    );
    let again = vendor.home.run(&["reproject", "--resource-id", "a"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "1 submission or file rebuilt from 1 callback\nevents: 1 unchanged, 0 added, 0 removed\n")
    );
    assert_eq!(vendor.home.run(&["reproject", "--resource-id", "nobody"]).code, 4);
    assert_eq!(vendor.home.run(&["reproject"]).code, 2);
    assert_eq!(vendor.send("malware_scan_complete", scan("c")).await, [200]);
    vendor.is_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_where_asked_and_a_taken_usual_address_stops_nobody() {
    let vendor = TestVendor::start(crate::EQP).await;
    let start = |operator: &[&str]| {
        // The first one has the spool of the home.
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--spool-bytes", "0", "--json"], operator].concat();
        let mut serve = vendor.home.start(&arguments);
        let reported = serve.json_line();
        (serve, reported)
    };
    let (_serve, reported) = start(&["--operator-listen", "127.0.0.1:0"]);
    let operator = reported["operator"].as_str().unwrap();
    assert!(get(operator, "/metrics").await.contains("eqp_callback_requests_total{result=\"stored\"} 0"));
    let (_serve, reported) = start(&["--operator-listen", "off"]);
    assert_eq!(reported["operator"], json!(null));
    // Another program on this machine may use the default address, and release it at any time.
    let (_serve, reported) = start(&[]);
    if let Some(usual) = reported["operator"].as_str() {
        assert_eq!(usual, format!("http://{USUAL}"));
        assert!(get(usual, "/metrics").await.contains("eqp_callback_requests_total"));
    }
    let reported = loop {
        let ours = std::net::TcpListener::bind(USUAL);
        let (serve, reported) = start(&[]);
        serve.terminate();
        let ended = tokio::task::block_in_place(|| serve.end());
        assert_eq!(ended.code, 0, "it stops nobody: {ended:?}");
        if reported["operator"].is_null() {
            break ended.stderr;
        }
        assert!(ours.is_err(), "two have one address: {reported}");
    };
    assert!(
        reported.contains("off: another program uses the default address (choose one with --operator-listen)"),
        "{reported}"
    );
    let ended = vendor.home.run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--operator-listen",
        operator.trim_start_matches("http://"),
    ]);
    assert_eq!(ended.code, 1, "one that was asked for is wanted: {}", ended.stderr);
    let ended = vendor.home.run(&["serve", "--operator-listen", "everywhere"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

/// Sends a request over plain HTTP.
async fn get(base: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The benchmarks measure how much memory this frees, because it depends on the system and on other allocations.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[tokio::test(flavor = "multi_thread")]
async fn freed_memory_is_returned_to_the_system_after_many_connections_have_ended() {
    const CONNECTIONS: usize = 150;
    const RETURNED: &str = "returned freed memory to the system";
    let mut vendor = TestVendor::start(crate::EQP).await;
    vendor.home.set("EQP_LOG", "eqp_cli=debug");
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--behind-proxy", "--operator-listen", "127.0.0.1:0", "--json"];
    let mut serve = vendor.home.start(&arguments);
    let started = serve.json_line();
    let address = started["listening"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let operator = started["operator"].as_str().unwrap().to_owned();
    let open = async || {
        let metrics = get(&operator, "/metrics").await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("eqp_connections ")).unwrap().to_owned();
        line.parse::<usize>().unwrap()
    };
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    let patience = Duration::from_mins(1);
    // The number of connections is sampled every two seconds: it must be seen while they are open.
    let opened = async {
        while open().await < CONNECTIONS {
            sleep(Duration::from_millis(20)).await;
        }
        while !serve.has_logged("many connections are open") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience, opened).await.expect("all connections are open in time");
    assert!(!serve.has_logged(RETURNED), "nothing is returned while they are open");
    drop(connections);
    let returned = async {
        while !serve.has_logged(RETURNED) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience, returned).await.expect("memory is returned in time");
}
