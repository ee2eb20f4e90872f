//! Metrics, retention and projecting again, by the tool.

use std::time::Duration;

use serde_json::json;
use sqlx::Executor;
use tokio::time::{sleep, timeout};

use crate::market::{Market, scan};

/// Where metrics are served, if nobody says otherwise and the address is free.
const USUAL: &str = "127.0.0.1:8444";

/// A market with a receiver that has projected one callback for each of these files.
async fn with_files(files: &[&str]) -> (Market, crate::eqp::Running) {
    let market = Market::open().await;
    let (serve, base) = market.serve();
    let url = format!("{base}/callbacks/main");
    let added = market.home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");
    for file in files {
        assert_eq!(market.send("malware_scan_complete", scan(file)).await, [200]);
    }
    market.is_projected().await;
    (market, serve)
}

/// Makes all callbacks so many days older.
async fn age(market: &Market, days: i64) {
    let milliseconds = days * 86_400_000;
    let sql =
        "update eqp.callback set received_at = received_at - make_interval(days => $2::integer), id = older(id, $1)";
    market
        .database
        .pool
        .execute(
            "create function older(id uuid, milliseconds bigint) returns uuid language sql as $$
                 select (lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - milliseconds), 12, '0')
                         || substr(replace(id::text, '-', ''), 13))::uuid $$",
        )
        .await
        .unwrap();
    sqlx::query(sql).bind(milliseconds).bind(days).execute(&market.database.pool).await.unwrap();
    for sql in [
        "update eqp.callback_outcome set callback_id = older(callback_id, $1)",
        "update eqp.event set callback_id = older(callback_id, $1)",
        "update eqp.track set callback_id = older(callback_id, $1)",
    ] {
        sqlx::query(sql).bind(milliseconds).execute(&market.database.pool).await.unwrap();
    }
}

async fn callbacks(market: &Market) -> i64 {
    sqlx::query_scalar("select count(*) from eqp.callback").fetch_one(&market.database.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_deletes_what_is_older_and_a_dry_run_nothing() {
    let (market, _serve) = with_files(&["a", "b"]).await;
    age(&market, 500).await;
    assert_eq!(market.send("malware_scan_complete", scan("c")).await, [200]);
    market.is_projected().await;
    let would = market.home.json(&["retention", "--older-than", "400d", "--dry-run", "--json"]);
    assert_eq!((would["would_delete"].clone(), callbacks(&market).await), (json!(2), 3));
    let done = market.home.json(&["retention", "--older-than", "400d", "--json"]);
    assert_eq!((done["deleted"].clone(), callbacks(&market).await), (json!(2), 1));
    assert_eq!(market.home.json(&["events", "list", "--json"])["events"].as_array().unwrap().len(), 3);
    let ended = market.home.run(&["retention", "--older-than", "400m"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("less than a day"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_told_to_keep_for_so_long_deletes_by_itself() {
    let (market, serve) = with_files(&["a"]).await;
    age(&market, 500).await;
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
    let _serve = market.home.start(&["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off", "--keep", "400d"]);
    let gone = async {
        while callbacks(&market).await > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), gone).await.expect("it is deleted in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_projected_wrongly_is_put_right_beside_a_running_receiver() {
    let (market, _serve) = with_files(&["a", "b"]).await;
    market.database.pool.execute("update eqp.event set mark = 'late' where subject = 'a'").await.unwrap();
    let would = market.home.json(&["reproject", "--since", "1d", "--dry-run", "--json"]);
    let done = market.home.json(&["reproject", "--since", "1d", "--json"]);
    assert_eq!(would, done);
    assert_eq!(
        done,
        json!({"subjects": 2, "passed_over": 0, "callbacks": 2, "events_kept": 1, "events_new": 1, "events_gone": 1})
    );
    let again = market.home.run(&["reproject", "--subject", "a"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "1 submission or file rebuilt from 1 callback\nevents: 1 the same, 0 new, 0 gone\n")
    );
    assert_eq!(market.home.run(&["reproject", "--subject", "nobody"]).code, 4);
    assert_eq!(market.home.run(&["reproject"]).code, 2);
    assert_eq!(market.send("malware_scan_complete", scan("c")).await, [200]);
    market.is_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_where_asked_and_a_taken_usual_address_stops_nobody() {
    let market = Market::open().await;
    let start = |operator: &[&str]| {
        // The first one has the spool of the home.
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--spool-bytes", "0", "--json"], operator].concat();
        let mut serve = market.home.start(&arguments);
        let told = serve.json_line();
        (serve, told)
    };
    let (_serve, told) = start(&["--operator-listen", "127.0.0.1:0"]);
    let operator = told["operator"].as_str().unwrap();
    assert!(get(operator, "/metrics").await.contains("eqp_accepts_total{outcome=\"stored\"} 0"));
    let (_serve, told) = start(&["--operator-listen", "off"]);
    assert_eq!(told["operator"], json!(null));
    // Another program on this machine may have the usual address, and let go of it at any time.
    let (_serve, told) = start(&[]);
    if let Some(usual) = told["operator"].as_str() {
        assert_eq!(usual, format!("http://{USUAL}"));
        assert!(get(usual, "/metrics").await.contains("eqp_accepts_total"));
    }
    let told = loop {
        let ours = std::net::TcpListener::bind(USUAL);
        let (serve, told) = start(&[]);
        serve.terminate();
        let ended = tokio::task::block_in_place(|| serve.end());
        assert_eq!(ended.code, 0, "it stops nobody: {ended:?}");
        if told["operator"].is_null() {
            break ended.stderr;
        }
        assert!(ours.is_err(), "two have one address: {told}");
    };
    assert!(told.contains("nowhere, for another program has the usual address (choose: --operator-listen)"), "{told}");
    let ended = market.home.run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--operator-listen",
        operator.trim_start_matches("http://"),
    ]);
    assert_eq!(ended.code, 1, "one that was asked for is wanted: {}", ended.stderr);
    let ended = market.home.run(&["serve", "--operator-listen", "everywhere"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

/// Asks over plain HTTP.
async fn get(base: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
