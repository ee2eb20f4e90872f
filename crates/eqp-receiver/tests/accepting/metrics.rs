//! The metrics and health checks of the operator listener.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use eqp_deliver::{Event, Handler, HandlerError, HandlerLoop};
use eqp_receiver::SpoolSettings;
use eqp_store::internal::{DeliveryMeasurement, DeliveryQueue, SubscriptionQueue};
use eqp_test_support::{NetworkConditions, Proxy, TestDatabase};

use eqp_test_support::receiver::{PATH, RIGHT, SCAN, STATUS, TestReceiver, until};
use eqp_test_support::sender::post;

pub(super) async fn receiver() -> TestReceiver {
    TestReceiver::with(|builder| builder.operator_listen((Ipv4Addr::LOCALHOST, 0).into()).project()).await
}

/// Returns the page of metrics.
pub(super) async fn page(receiver: &TestReceiver) -> String {
    let response = reqwest::get(format!("http://{}/metrics", receiver.operator.unwrap())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    text
}

/// Returns every series with its value.
pub(super) async fn metrics(receiver: &TestReceiver) -> BTreeMap<String, f64> {
    let page = page(receiver).await;
    let series = page.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    series.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

fn is(metrics: &BTreeMap<String, f64>, series: &str, value: f64) -> bool {
    (metrics[series] - value).abs() < f64::EPSILON
}

#[tokio::test]
async fn metrics_show_accepted_refused_and_projected_callbacks() {
    let receiver = receiver().await;
    for body in [STATUS, STATUS, SCAN] {
        assert_eq!(receiver.sender.post(PATH, RIGHT, body).await.status, 200);
    }
    assert_eq!(receiver.sender.post(PATH, RIGHT, "no json").await.status, 400);
    assert_eq!(receiver.sender.post(PATH, &["Basic !"], STATUS).await.status, 401);
    assert_eq!(receiver.sender.post("/elsewhere", RIGHT, STATUS).await.status, 200);
    until("all is projected", || async {
        let metrics = metrics(&receiver).await;
        metrics[r#"eqp_callbacks_projected_total{result="event"}"#]
            + metrics[r#"eqp_callbacks_projected_total{result="duplicate"}"#]
            >= 4.0
            && is(&metrics, r#"eqp_callbacks_projected_total{result="undecodable"}"#, 1.0)
            && is(&metrics, "eqp_database_up", 1.0)
    })
    .await;
    let metrics = metrics(&receiver).await;
    for (series, value) in [
        (r#"eqp_callback_requests_total{result="stored"}"#, 4.0),
        ("eqp_callback_path_mismatches_total", 1.0),
        (r#"eqp_callback_requests_total{result="stored_invalid_json"}"#, 1.0),
        (r#"eqp_callback_requests_total{result="unauthorized"}"#, 1.0),
        ("eqp_callback_request_duration_seconds_count", 5.0),
        ("eqp_batch_callbacks_count", 5.0),
        ("eqp_queued_callbacks", 0.0),
        ("eqp_ready", 1.0),
        (r#"eqp_callbacks_projected_total{result="event"}"#, 2.0),
        (r#"eqp_callbacks_projected_total{result="duplicate"}"#, 2.0),
        ("eqp_spool_callbacks", 0.0),
    ] {
        assert!(is(&metrics, series, value), "{series}: {}", metrics[series]);
    }
    let last = metrics[r#"eqp_last_callback_timestamp_seconds{endpoint="main"}"#];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&last), "{last}");
    receiver.stop().await;
}

#[tokio::test]
async fn a_callback_that_the_tool_sent_does_not_show_that_the_marketplace_calls() {
    const LAST: &str = r#"eqp_last_callback_timestamp_seconds{endpoint="main"}"#;
    let receiver = receiver().await;
    let request = String::from_utf8(post(PATH, RIGHT, SCAN.as_bytes())).unwrap();
    let triggered = request.replacen("host: ", "user-agent: eqp-trigger\r\nhost: ", 1);
    assert_eq!(receiver.sender.raw(triggered).await.status, 200);
    assert!(!metrics(&receiver).await.contains_key(LAST), "it is stored, but is not one from Adobe");
    assert_eq!(receiver.sender.raw(request).await.status, 200);
    assert!(metrics(&receiver).await.contains_key(LAST));
    receiver.stop().await;
}

#[tokio::test]
async fn metrics_show_what_is_in_the_spool_and_its_age() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = SpoolSettings::in_folder(folder.path());
    let operator = (Ipv4Addr::LOCALHOST, 0).into();
    let receiver =
        TestReceiver::on(database, proxy.options(), |builder| builder.operator_listen(operator).spool(settings)).await;
    receiver.execute("alter table eqp.callback add check (position('unstorable' in encode(body, 'escape')) = 0)").await;
    assert_eq!(receiver.sender.post(PATH, RIGHT, r#""unstorable""#).await.status, 200);
    proxy.set(NetworkConditions::Cut);
    for _ in 0..3 {
        assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    }
    let away = metrics(&receiver).await;
    for (series, value) in [
        ("eqp_spool_callbacks", 3.0),
        ("eqp_quarantined_callbacks", 1.0),
        ("eqp_ready", 1.0),
        (r#"eqp_callback_requests_total{result="stored"}"#, 4.0),
    ] {
        assert!((away[series] - value).abs() < f64::EPSILON, "{series}: {}", away[series]);
    }
    assert!(away["eqp_spool_bytes"] > 4.0 * 256.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let oldest = away["eqp_spool_oldest_timestamp_seconds"];
    assert!((now - 60.0..=now).contains(&oldest), "{oldest}");
    proxy.set(NetworkConditions::Fair);
    until("the spool is empty", || async {
        let back = metrics(&receiver).await;
        back["eqp_spool_callbacks"] + back["eqp_spool_oldest_timestamp_seconds"] < 0.5
    })
    .await;
    receiver.stop().await;
}

#[tokio::test]
async fn metrics_show_how_many_callbacks_are_queued() {
    let receiver = receiver().await;
    let mut barrier = receiver.database.pool.begin().await.unwrap();
    sqlx::query("lock table eqp.callback in share mode").execute(&mut *barrier).await.unwrap();
    let send = || {
        let sender = receiver.sender.clone();
        tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await.status })
    };
    let first = send();
    until("the first write waits", || async { receiver.blocked_writes().await == 1 }).await;
    let (second, third) = (send(), send());
    until("two are queued", || async { is(&metrics(&receiver).await, "eqp_queued_callbacks", 2.0) }).await;
    barrier.rollback().await.unwrap();
    for sent in [first, second, third] {
        assert_eq!(sent.await.unwrap(), 200);
    }
    receiver.stop().await;
}

#[tokio::test]
async fn metrics_show_that_the_database_is_down_and_what_is_pending() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::to(database.options.clone()).await;
    let receiver =
        TestReceiver::on(database, proxy.options(), |builder| builder.operator_listen((Ipv4Addr::LOCALHOST, 0).into()))
            .await;
    assert_eq!(receiver.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    // There is no projector.
    until("the callback is shown as pending", || async {
        let metrics = metrics(&receiver).await;
        is(&metrics, "eqp_pending_batches", 1.0) && metrics["eqp_oldest_pending_timestamp_seconds"] > 1.6e9
    })
    .await;
    proxy.set(NetworkConditions::Cut);
    until("the database is shown as down", || async {
        let metrics = metrics(&receiver).await;
        is(&metrics, "eqp_database_up", 0.0) && is(&metrics, "eqp_ready", 0.0)
    })
    .await;
    receiver.stop().await;
}

/// Waits forever.
struct Stuck;

#[async_trait::async_trait]
impl Handler for Stuck {
    async fn handle(&self, _event: &Event) -> Result<(), HandlerError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn metrics_show_how_many_events_a_handler_is_behind() {
    let operator = (Ipv4Addr::LOCALHOST, 0).into();
    let receiver = TestReceiver::with(|builder| builder.operator_listen(operator).project()).await;
    let _handler = HandlerLoop::new(receiver.database.pool.clone(), "journal", Stuck).spawn();
    for body in [SCAN, STATUS] {
        assert_eq!(receiver.sender.post(PATH, RIGHT, body).await.status, 200);
    }
    until("it is behind by two", || async {
        metrics(&receiver).await.get(r#"eqp_handler_lag_events{handler="journal"}"#).copied() == Some(2.0)
    })
    .await;
    receiver.stop().await;
}

#[tokio::test]
async fn the_operator_listener_serves_health_checks_and_the_public_one_no_metrics() {
    let receiver = receiver().await;
    for path in ["healthz", "readyz"] {
        let response = reqwest::get(format!("http://{}/{path}", receiver.operator.unwrap())).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
    let response = reqwest::get(format!("http://{}{PATH}", receiver.operator.unwrap())).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(receiver.sender.get("/metrics").await.status, 405);
    receiver.stop().await;
}

#[tokio::test]
async fn every_metric_is_documented_with_its_help_text() {
    let operator = (Ipv4Addr::LOCALHOST, 0).into();
    let mut observer = None;
    let receiver = TestReceiver::with(|builder| {
        observer = Some(builder.observer());
        builder.operator_listen(operator).project()
    })
    .await;
    let subscription = SubscriptionQueue {
        name: "shop".to_owned(),
        waiting: 1,
        dead: 0,
        oldest_waiting_at: None,
        paused_reason: None,
        down_since: None,
    };
    let queue = DeliveryQueue { subscriptions: vec![subscription], ..DeliveryQueue::default() };
    observer.unwrap().deliveries(DeliveryMeasurement::Queue(&queue));
    let _handler = HandlerLoop::new(receiver.database.pool.clone(), "journal", Stuck).spawn();
    // A family has no help text before its first value: a callback of an endpoint, and a measured handler.
    until("the handler has been measured", || async {
        metrics(&receiver).await.contains_key(r#"eqp_handler_lag_events{handler="journal"}"#)
    })
    .await;
    receiver.sender.post(PATH, RIGHT, STATUS).await;
    let text = page(&receiver).await;
    let described: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '))
        .map(|(name, help)| format!("| `{name}` | {} |", help.trim_end_matches('.')))
        .collect();
    assert!(described.len() > 10);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.lines().take_while(|line| !line.starts_with("## "));
    let written: Vec<&str> = table.filter(|line| line.starts_with("| `eqp_")).collect();
    assert_eq!(written, described, "write the table of docs/metrics.md so:\n{}", described.join("\n"));
    receiver.stop().await;
}
