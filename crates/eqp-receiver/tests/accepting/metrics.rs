//! What the operator's listener says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use eqp_receiver::SpoolSettings;
use eqp_test_support::{Proxy, TestDatabase, Weather};

use crate::scene::{PATH, RIGHT, SCAN, STATUS, Scene, until};

async fn scene() -> Scene {
    Scene::with(|builder| builder.operator_listen((Ipv4Addr::LOCALHOST, 0).into()).project()).await
}

/// Every series with its value.
async fn metrics(scene: &Scene) -> BTreeMap<String, f64> {
    let response = reqwest::get(format!("http://{}/metrics", scene.operator.unwrap())).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    series.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

fn is(metrics: &BTreeMap<String, f64>, series: &str, value: f64) -> bool {
    (metrics[series] - value).abs() < f64::EPSILON
}

#[tokio::test]
async fn metrics_tell_what_was_taken_refused_and_made_of_it() {
    let scene = scene().await;
    for body in [STATUS, STATUS, SCAN] {
        assert_eq!(scene.sender.post(PATH, RIGHT, body).await.status, 200);
    }
    assert_eq!(scene.sender.post(PATH, RIGHT, "no json").await.status, 400);
    assert_eq!(scene.sender.post(PATH, &["Basic !"], STATUS).await.status, 401);
    assert_eq!(scene.sender.post("/elsewhere", RIGHT, STATUS).await.status, 200);
    until("all is projected", || async {
        let metrics = metrics(&scene).await;
        metrics[r#"eqp_projected_total{as="event"}"#] + metrics[r#"eqp_projected_total{as="copy"}"#] >= 4.0
            && is(&metrics, r#"eqp_projected_total{as="undecodable"}"#, 1.0)
            && is(&metrics, "eqp_database_up", 1.0)
    })
    .await;
    let metrics = metrics(&scene).await;
    for (series, value) in [
        (r#"eqp_accepts_total{outcome="stored"}"#, 4.0),
        ("eqp_callbacks_elsewhere_total", 1.0),
        (r#"eqp_accepts_total{outcome="stored_not_json"}"#, 1.0),
        (r#"eqp_accepts_total{outcome="wrong_credential"}"#, 1.0),
        ("eqp_accept_seconds_count", 5.0),
        ("eqp_batch_callbacks_count", 5.0),
        ("eqp_queued_callbacks", 0.0),
        ("eqp_ready", 1.0),
        (r#"eqp_projected_total{as="event"}"#, 2.0),
        (r#"eqp_projected_total{as="copy"}"#, 2.0),
        ("eqp_spool_callbacks", 0.0),
    ] {
        assert!(is(&metrics, series, value), "{series}: {}", metrics[series]);
    }
    let last = metrics[r#"eqp_last_callback_timestamp_seconds{endpoint="main"}"#];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now).contains(&last), "{last}");
    scene.stop().await;
}

#[tokio::test]
async fn metrics_tell_what_is_in_the_spool_and_how_old_it_is() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.options.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = SpoolSettings::in_folder(folder.path());
    let operator = (Ipv4Addr::LOCALHOST, 0).into();
    let scene = Scene::on(database, proxy.options(), |builder| builder.operator_listen(operator).spool(settings)).await;
    scene.execute("alter table eqp.callback add check (position('poison' in encode(body, 'escape')) = 0)").await;
    assert_eq!(scene.sender.post(PATH, RIGHT, r#""poison""#).await.status, 200);
    proxy.turn(Weather::Cut);
    for _ in 0..3 {
        assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    }
    let away = metrics(&scene).await;
    for (series, value) in [
        ("eqp_spool_callbacks", 3.0),
        ("eqp_quarantined_callbacks", 1.0),
        ("eqp_ready", 1.0),
        (r#"eqp_accepts_total{outcome="stored"}"#, 4.0),
    ] {
        assert!((away[series] - value).abs() < f64::EPSILON, "{series}: {}", away[series]);
    }
    assert!(away["eqp_spool_bytes"] > 4.0 * 256.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let oldest = away["eqp_spool_oldest_timestamp_seconds"];
    assert!((now - 60.0..=now).contains(&oldest), "{oldest}");
    proxy.turn(Weather::Fair);
    until("the spool is empty", || async {
        let back = metrics(&scene).await;
        back["eqp_spool_callbacks"] + back["eqp_spool_oldest_timestamp_seconds"] < 0.5
    })
    .await;
    scene.stop().await;
}

#[tokio::test]
async fn metrics_tell_how_many_callbacks_wait_for_their_commit() {
    let scene = scene().await;
    let mut barrier = scene.database.pool.begin().await.unwrap();
    sqlx::query("lock table eqp.callback in share mode").execute(&mut *barrier).await.unwrap();
    let send = || {
        let sender = scene.sender.clone();
        tokio::spawn(async move { sender.post(PATH, RIGHT, STATUS).await.status })
    };
    let first = send();
    until("the first write waits", || async { scene.blocked_writes().await == 1 }).await;
    let (second, third) = (send(), send());
    until("two are queued", || async { is(&metrics(&scene).await, "eqp_queued_callbacks", 2.0) }).await;
    barrier.rollback().await.unwrap();
    for sent in [first, second, third] {
        assert_eq!(sent.await.unwrap(), 200);
    }
    scene.stop().await;
}

#[tokio::test]
async fn metrics_tell_that_the_database_is_away_and_what_waits() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::before(database.options.clone()).await;
    let scene =
        Scene::on(database, proxy.options(), |builder| builder.operator_listen((Ipv4Addr::LOCALHOST, 0).into())).await;
    assert_eq!(scene.sender.post(PATH, RIGHT, STATUS).await.status, 200);
    // Nobody projects here.
    until("it is said to wait", || async {
        let metrics = metrics(&scene).await;
        is(&metrics, "eqp_pending_batches", 1.0) && metrics["eqp_oldest_pending_timestamp_seconds"] > 1.6e9
    })
    .await;
    proxy.turn(Weather::Cut);
    until("it is said to be away", || async {
        let metrics = metrics(&scene).await;
        is(&metrics, "eqp_database_up", 0.0) && is(&metrics, "eqp_ready", 0.0)
    })
    .await;
    scene.stop().await;
}

/// Waits for ever.
struct Stuck;

#[async_trait::async_trait]
impl eqp_receiver::Handler for Stuck {
    async fn handle(&self, _event: &eqp_receiver::Event) -> Result<(), eqp_receiver::HandlerError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn metrics_tell_how_many_events_a_handler_is_behind() {
    let operator = (Ipv4Addr::LOCALHOST, 0).into();
    let scene = Scene::with(|builder| builder.operator_listen(operator).project().handler("ledger", Stuck)).await;
    for body in [SCAN, STATUS] {
        assert_eq!(scene.sender.post(PATH, RIGHT, body).await.status, 200);
    }
    until("it is behind by two", || async {
        metrics(&scene).await.get(r#"eqp_handler_lag_events{handler="ledger"}"#).copied() == Some(2.0)
    })
    .await;
    scene.stop().await;
}

#[tokio::test]
async fn the_operators_listener_answers_health_and_the_public_one_no_metrics() {
    let scene = scene().await;
    for path in ["healthz", "readyz"] {
        let response = reqwest::get(format!("http://{}/{path}", scene.operator.unwrap())).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
    let response = reqwest::get(format!("http://{}{PATH}", scene.operator.unwrap())).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(scene.sender.get("/metrics").await.status, 405);
    scene.stop().await;
}

#[tokio::test]
async fn every_metric_is_in_the_documentation_as_the_code_tells_it() {
    let operator = (Ipv4Addr::LOCALHOST, 0).into();
    let scene = Scene::with(|builder| builder.operator_listen(operator).project().handler("ledger", Stuck)).await;
    // Nothing is told of endpoints without one, and of handlers before they were looked at.
    until("the handler is told of", || async {
        metrics(&scene).await.contains_key(r#"eqp_handler_lag_events{handler="ledger"}"#)
    })
    .await;
    scene.sender.post(PATH, RIGHT, STATUS).await;
    let response = reqwest::get(format!("http://{}/metrics", scene.operator.unwrap())).await.unwrap();
    let text = response.text().await.unwrap();
    let told: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '))
        .map(|(name, help)| format!("| `{name}` | {} |", help.trim_end_matches('.')))
        .collect();
    assert!(told.len() > 10);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.lines().take_while(|line| !line.starts_with("What to be woken up for"));
    let written: Vec<&str> = table.filter(|line| line.starts_with("| `eqp_")).collect();
    assert_eq!(written, told, "write the table of docs/metrics.md so:\n{}", told.join("\n"));
    scene.stop().await;
}
