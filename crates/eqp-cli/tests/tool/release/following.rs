//! Tests the commands that run after a release to the store: `--then` and `--then-unless` of `eqp release` and `eqp wait`.

use std::path::Path;
use std::time::{Duration, Instant};

use eqp_simulator::{Decision, Review, Step};
use eqp_test_support::tool::Ended;

use super::fixture::{Fixture, PATIENCE, at_once, only_scans, reviewed};

/// Submits a version, which is in the store at once if `script` has no delays; returns its handle.
fn submitted(fixture: &Fixture, until: &str) -> String {
    let ended = fixture.release(&["--until", until, "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stdout.trim().to_owned()
}

/// Queries the state once, by both commands in turn.
fn once(fixture: &Fixture, handle: &str, options: &[&str]) -> [Ended; 2] {
    let follow = ["--timeout", "0"];
    [
        fixture.release(&[&["--until", "released"], &follow[..], options].concat()),
        fixture.home.run_aside(&[&["wait", handle], &follow[..], options].concat()),
    ]
}

fn lines(fixture: &Fixture, file: &str) -> usize {
    std::fs::read_to_string(fixture.home.path().join(file)).map_or(0, |text| text.lines().count())
}

fn exists(fixture: &Fixture, file: &str) -> bool {
    fixture.home.path().join(file).exists()
}

/// Waits until a command has written a file.
fn wait_for_file(fixture: &Fixture, file: &str) {
    let begun = Instant::now();
    while !exists(fixture, file) {
        assert!(begun.elapsed() < PATIENCE, "{file} was not written");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_runs_once_per_call_and_only_when_the_version_is_in_the_store() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = submitted(&fixture, "none");
    let count = ["--then", "echo x >> runs; echo published"];
    for ended in once(&fixture, &handle, &count) {
        assert_eq!((ended.code, lines(&fixture, "runs")), (6, 0), "{ended:?}");
    }
    for step in [Step::TechnicalApproved, Step::MarketingApproved, Step::Launched] {
        // The launch may follow the approvals at once.
        let _ = fixture.simulator.step(&handle.parse().unwrap(), step);
    }
    fixture.until(|seen| seen.accounts[0].packages[0].status.to_string().starts_with("released_to_store")).await;
    for ended in once(&fixture, &handle, &count) {
        assert!(ended.code == 0 && ended.stderr.contains("published\n"), "{ended:?}");
        assert!(!ended.stdout.contains("published"), "{ended:?}");
    }
    assert_eq!(lines(&fixture, "runs"), 2);
    for ended in once(&fixture, &handle, &["--then", "echo x >> runs", "--then-unless", "test -e runs"]) {
        assert!(ended.code == 0 && ended.stderr.contains("did not run"), "{ended:?}");
    }
    assert_eq!(lines(&fixture, "runs"), 2);
    for ended in once(&fixture, &handle, &["--then", "echo x >> runs", "--then-unless", "test -e none"]) {
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    assert_eq!(lines(&fixture, "runs"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_is_told_the_version_and_no_secret() {
    let fixture = Fixture::open(at_once()).await;
    let handle = submitted(&fixture, "released");
    for ended in once(&fixture, &handle, &["--then", "env > seen", "--then-unless", "env > checked; false"]) {
        assert_eq!(ended.code, 0, "{ended:?}");
        for file in ["seen", "checked"] {
            let seen = std::fs::read_to_string(fixture.home.path().join(file)).unwrap();
            let mut own: Vec<_> = seen.lines().filter(|line| line.starts_with("EQP_")).collect();
            own.sort_unstable();
            let submission = format!("EQP_SUBMISSION_ID={handle}");
            assert_eq!(own, ["EQP_SKU=acme/module-badges", &submission, "EQP_VERSION=1.2.0"]);
            assert!(seen.contains("PATH=") && !seen.contains("hush"), "{seen}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_code_9_and_the_next_call_tries_again() {
    let fixture = Fixture::open(at_once()).await;
    let handle = submitted(&fixture, "released");
    let then = ["--then", "echo x >> runs; test -e ready"];
    for ended in once(&fixture, &handle, &then) {
        assert!(ended.code == 9 && ended.stderr.contains("exit status: 1"), "{ended:?}");
    }
    // A check without a result prevents the command.
    for ended in once(&fixture, &handle, &["--then", "echo x >> runs", "--then-unless", "no-such-program"]) {
        assert!(ended.code == 9 && ended.stderr.contains("no result"), "{ended:?}");
    }
    fixture.home.write("ready", "");
    for ended in once(&fixture, &handle, &then) {
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    assert_eq!(lines(&fixture, "runs"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_ignores_the_request_to_stop_ends_after_its_time() {
    let fixture = Fixture::open(at_once()).await;
    let handle = submitted(&fixture, "released");
    let hangs = "trap '' TERM; echo $$ > number; while :; do sleep 0.05; done";
    let wait = ["wait", &handle, "--then", hangs, "--then-timeout", "500ms"];
    let ended = fixture.home.run_aside(&wait);
    assert!(ended.code == 9 && ended.stderr.contains("timed out after 500ms"), "{ended:?}");
    assert!(!is_running(&fixture, "number"));

    let running = fixture.home.start(&["wait", &handle, "--then", "echo $$ > second; sleep 600"]);
    tokio::task::block_in_place(|| {
        wait_for_file(&fixture, "second");
        running.terminate();
    });
    let ended = tokio::task::block_in_place(move || running.end());
    assert!(ended.code == 130 && !is_running(&fixture, "second"), "{ended:?}");
}

/// Returns whether the process exists whose number is in a file.
fn is_running(fixture: &Fixture, file: &str) -> bool {
    let number = std::fs::read_to_string(fixture.home.path().join(file)).unwrap();
    let status = std::fs::read_to_string(Path::new("/proc").join(number.trim()).join("stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

/// The only effect is `mkdir`, which can succeed once. It reports where it is, and stays there while a file exists.
/// It releases the pipe to the test, which waits for the end of the pipe after it has killed the tool.
const ATOMIC: &str = "exec > /dev/null 2>&1; stay() { touch \"$1\"; while test -e \"stay-$1\"; do sleep 0.02; done; }
stay before; mkdir effect && echo x >> effects; stay after; test -d effect";

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_an_atomic_command_has_its_effect_once() {
    for point in ["latency", "before", "after"] {
        let fixture = Fixture::open(at_once()).await;
        let handle = submitted(&fixture, "released");
        let follow = ["wait", &handle, "--timeout", "60s", "--then", ATOMIC, "--then-unless", "test -d effect"];
        fixture.home.write(&format!("stay-{point}"), "");
        if point == "latency" {
            fixture.simulator.add_fault("latency=300s call=packages.get".parse().unwrap());
        }
        let running = fixture.home.start(&follow);
        if point == "latency" {
            // Nothing has run yet, whenever it is killed.
            assert!(!exists(&fixture, "before"));
        } else {
            tokio::task::block_in_place(|| wait_for_file(&fixture, point));
        }
        tokio::task::block_in_place(move || running.kill());
        fixture.simulator.clear_faults();
        assert_eq!(exists(&fixture, "effect"), point == "after", "{point}");
        // The orphaned command goes on, possibly while the next one runs.
        std::fs::remove_file(fixture.home.path().join(format!("stay-{point}"))).unwrap();
        for _ in 0..2 {
            let ended = fixture.home.run_aside(&follow);
            assert_eq!(ended.code, 0, "{point}: {ended:?}");
        }
        assert_eq!(lines(&fixture, "effects"), 1, "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_version_is_code_5_and_runs_nothing() {
    let fixture = Fixture::open(reviewed(Review::default().marketing([Decision::Reject]))).await;
    let ended = fixture.release(&["--until", "released", "--timeout", "60s", "--then", "touch ran"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    let id = fixture.look().accounts[0].packages[0].submission_id.to_string();
    for ended in once(&fixture, &id, &["--then", "touch ran"]) {
        assert_eq!(ended.code, 5, "{ended:?}");
    }
    assert!(!exists(&fixture, "ran"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_command_and_runs_nothing() {
    let fixture = Fixture::open(at_once()).await;
    let dry = ["--until", "released", "--then", "touch ran", "--then-unless", "touch checked", "--dry-run"];
    let shown = fixture.release(&dry);
    let sentence = "would then run: touch ran, unless this succeeds: touch checked";
    assert!(shown.code == 0 && shown.stdout.contains(sentence), "{shown:?}");
    submitted(&fixture, "released");
    let shown = fixture.release(&dry);
    assert!(shown.code == 0 && shown.stdout.contains(sentence), "{shown:?}");
    assert!(!shown.stdout.contains("nothing is left to do"), "{shown:?}");
    assert!(!exists(&fixture, "ran") && !exists(&fixture, "checked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_can_never_run_a_command_are_wrong_usage() {
    let fixture = Fixture::open(only_scans()).await;
    let wrong: &[&[&str]] = &[
        &["release", "submission.zip", "--then", "true"],
        &["release", "submission.zip", "--until", "released", "--then-unless", "true"],
        &["release", "submission.zip", "--until", "released", "--then", ""],
        &["wait", "s1", "--flow", "technical", "--then", "true"],
        &["wait", "s1", "--until", "approved", "--then", "true"],
        &["wait", "1.2.3", "--then", "true"],
        &["wait", "s1", "--then", "true", "--then-timeout", "0s"],
    ];
    for arguments in wrong {
        let refused = fixture.home.run_aside(arguments);
        assert!(refused.code == 2 && refused.stderr.contains("--then"), "{arguments:?}: {refused:?}");
    }
}
