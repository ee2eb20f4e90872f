//! The metrics of deliveries.

use std::time::Duration;

use eqp_deliver::AttemptOutcome;
use eqp_receiver::Metrics;
use tokio::time::{sleep, timeout};

use crate::setup::{FAILED, Setup};

/// Waits until the metrics contain all of these lines.
async fn until_shown(metrics: &Metrics, lines: &[&str]) {
    let is_shown = |text: &str| lines.iter().all(|line| text.lines().any(|shown| shown == *line));
    let waiting = async {
        while !is_shown(&metrics.text()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let shown = timeout(Duration::from_secs(20), waiting).await.is_ok();
    assert!(shown, "{lines:?} in {}", metrics.text());
}

#[tokio::test]
async fn metrics_show_the_results_of_deliveries_and_the_queue() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.handlers.respond(|received| match received.resource().as_str() {
        "bad" => AttemptOutcome::NeverRetry,
        "later" => FAILED,
        _ => AttemptOutcome::Delivered,
    });
    let metrics = Metrics::default();
    let process = setup.start_observed(metrics.observer());
    setup.files(&["good", "bad", "later"]).await;
    let results = [
        r#"eqp_deliveries_total{result="delivered"} 1"#,
        r#"eqp_deliveries_total{result="dead"} 1"#,
        r#"eqp_deliveries_total{result="failed"} 1"#,
        r#"eqp_deliveries_total{result="skipped"} 0"#,
        "eqp_delivery_attempt_duration_seconds_count 3",
    ];
    until_shown(&metrics, &results).await;
    process.stop().await;
    setup.subscribe("idle", |_| {}).await;
    setup.subscriptions().pause("idle", "maintenance").await.unwrap();
    setup.files(&["another"]).await;
    setup
        .sql("update eqp.subscription_state set open_until = now() + interval '1 hour' where subscription_id = 1")
        .await;
    setup.sql("update eqp.delivery set created_at = '2026-01-01T00:00:00Z' where dead_at is null").await;
    let process = setup.start_observed(metrics.observer());
    let queue = [
        r#"eqp_deliveries_dead{subscription="all"} 1"#,
        r#"eqp_deliveries_waiting{subscription="idle"} 0"#,
        "eqp_oldest_waiting_delivery_timestamp_seconds 1767225600.0",
        "eqp_subscriptions_paused 1",
        "eqp_subscriptions_circuit_open 1",
    ];
    until_shown(&metrics, &queue).await;
    process.stop().await;
    // A subscription that was removed is no longer shown.
    setup.subscriptions().remove("idle").await.unwrap();
    let process = setup.start_observed(metrics.observer());
    until_shown(&metrics, &["eqp_subscriptions_paused 0"]).await;
    assert!(!metrics.text().contains("idle"), "{}", metrics.text());
    process.stop().await;
}

#[tokio::test]
async fn counting_stops_at_ten_thousand_deliveries_of_a_subscription() {
    let setup = Setup::new().await;
    setup.subscribe("all", |_| {}).await;
    setup.subscriptions().pause("all", "full").await.unwrap();
    setup
        .sql(
            "insert into eqp.delivery (subscription_id, resource, source, event_seq)
             select id, n, 'event', n from eqp.subscription, generate_series(1, 10100) as n",
        )
        .await;
    let metrics = Metrics::default();
    let process = setup.start_observed(metrics.observer());
    until_shown(&metrics, &[r#"eqp_deliveries_waiting{subscription="all"} 10000"#]).await;
    process.stop().await;
}
