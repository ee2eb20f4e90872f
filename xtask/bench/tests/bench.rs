//! Runs the benchmark program.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eqp-bench")).args(arguments).output().expect("the bench starts")
}

#[test]
fn a_smoke_run_of_a_row_prints_one_object_with_its_results() {
    let output = bench(&["--smoke", "--json", "accept-single"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(printed.as_object().map(serde_json::Map::len), Some(1), "{printed}");
    let figure = &printed["p50_single_vs_insert"];
    let rounds = figure["rounds"].as_array().map_or(0, Vec::len);
    let median = figure["median"].as_f64().unwrap_or_else(|| panic!("{figure}: {said}"));
    assert!(rounds == 1 && median > 0.0, "{figure}");
    assert_eq!((figure["floor"].as_f64(), figure["aim"].as_f64()), (Some(1.0), Some(0.75)));
    // An unoptimised build may miss its targets, which the exit code of the program reports.
    assert_eq!(figure["met"].as_bool(), Some(output.status.success()));
    assert!(said.contains("each stored once"), "{said}");
}

#[test]
fn the_list_shows_every_row_and_measures_nothing() {
    let output = bench(&["--list"]);
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    for id in [
        "durable_vs_insert",
        "durable_vs_insert_256",
        "durable_vs_http",
        "durable_vs_express",
        "durable_vs_fastapi",
        "p99_vs_insert",
        "p50_single_vs_insert",
        "flat_10m",
        "pipeline_vs_insert",
        "burst_drain",
        "with_platform",
        "handler_latency_ms",
        "delivery_rate",
        "dead_handler",
        "reconcile_calls",
        "reconcile_full_calls",
        "reconcile_rss_mb",
        "tls_fresh_vs_nginx",
        "attack_p99_vs_quiet",
        "flood_answered",
        "unauth_rss_mb",
        "list_p95_ms",
        "page_p95_ms",
        "page_kb",
        "sse_fanout_ms",
        "rss_load_mb",
        "rss_idle_mb",
        "cli_help_ms",
        "cli_list_ms",
        "ready_ms",
        "embedded_first_s",
        "embedded_later_s",
        "upload_vs_curl",
        "stream_added_rss_mb",
        "check_ms",
        "check_worst_ms",
        "build_archive_ms",
        "release_s",
        "simulator_page_ms",
        "cold_build_cpu_s",
    ] {
        assert!(listed.contains(&format!(" {id} ")), "{id} is missing from:\n{listed}");
    }
}

#[test]
fn an_unknown_row_is_refused_with_the_known_ones() {
    let output = bench(&["acept"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("accept, accept-256, accept-single"), "{said}");
}
