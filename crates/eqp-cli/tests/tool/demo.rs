//! Tests `eqp demo` from start to end, after which nothing is left.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use eqp_test_support::process_runs;
use serde_json::Value;

use eqp_test_support::tool::{Home, Running};

const NOBODY: u32 = 65534;

/// Fast enough for a test, and slow enough that a late callback arrives after its successor.
const SPEED: &str = "60";

/// Runs the demo in a home and checks its results.
fn is_shown_whole(home: &mut Home) {
    let temporary = home.path().join("tmp");
    home.set("TMPDIR", temporary.display().to_string());
    let ended = home.run(&["demo", "--exit", "--json", "--speed", SPEED]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"));

    assert_eq!((number("released"), number("submissions")), (2.0, 3.0), "{report}");
    for name in ["duplicates", "late", "unknown"] {
        assert!(number(name) >= 1.0, "{name}: {report}");
    }
    for name in ["events", "ack_p50_ms", "ack_p99_ms", "first_callback_ms", "total_ms"] {
        assert!(number(name) > 0.0, "{name}: {report}");
    }
    assert!(number("ack_p50_ms") <= number("ack_p99_ms") && number("first_callback_ms") < number("total_ms"));
    assert_eq!(report["callbacks_received"], report["callbacks_sent"], "{report}");
    // Two releases, a rejection and a malware scan that failed; the first request was rejected and retried.
    assert!(number("webhooks") >= 4.0 && report["webhooks_failed"] == 1, "{report}");
    assert!(number("chat_threads") >= 2.0 && number("chat_replies") > number("chat_threads"), "{report}");

    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    let running = processes_that_name(&temporary);
    assert!(running.is_empty(), "{running:?}");
}

/// Returns the command lines that contain a path.
fn processes_that_name(path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = folders.filter_map(|folder| std::fs::read(folder.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).filter(|line| line.contains(&path)).collect()
}

fn make_temporary(home: &Home) -> std::path::PathBuf {
    let folder = home.path().join("tmp");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn three_extensions_go_through_the_marketplace_and_nothing_stays_behind() {
    let mut home = Home::new(crate::EQP);
    make_temporary(&home);
    // A common limit of systems, which must be sufficient for a demo.
    home.run_through(&["prlimit", "--nofile=1024:1024"]);
    is_shown_whole(&mut home);
}

/// Returns the link to the pages that the demo prints.
fn pages_link(demo: &mut Running) -> String {
    loop {
        let line = demo.line();
        if let Some((_, rest)) = line.split_once("http://").filter(|_| line.contains("Pages")) {
            return format!("http://{}", rest.split_whitespace().next().unwrap());
        }
    }
}

/// Returns whether the code of a link signs in, as the script of the page does it.
fn signs_in(link: &str) -> bool {
    let (page, code) = link.split_once('#').unwrap();
    let origin = page.strip_suffix("/sign-in").unwrap();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = client
        .post(page)
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("secret={code}"));
    let answered = tokio::runtime::Runtime::new().unwrap().block_on(form.send()).unwrap();
    answered.status() == 303 && answered.headers().contains_key("set-cookie")
}

#[test]
fn a_demo_that_was_killed_is_found_and_removed_by_the_next_one_and_one_that_runs_is_left_alone() {
    let mut home = Home::new(crate::EQP);
    let temporary = make_temporary(&home);
    home.set("TMPDIR", temporary.display().to_string());
    let postgres = |folder: &Path| std::fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    let folders = || -> Vec<std::path::PathBuf> {
        std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut killed = home.start(&["demo", "--speed", SPEED]);
    while !killed.line().contains(" uploaded") {}
    let orphan = folders().remove(0);
    let server = postgres(&orphan).lines().next().unwrap().to_owned();
    let mut running = home.start(&["demo", "--speed", SPEED]);
    assert!(signs_in(&pages_link(&mut running)), "the link leads to the pages");
    while !running.line().contains(" uploaded") {}
    let other =
        folders().into_iter().find(|folder| *folder != orphan).expect("the second demo has left the first one alone");
    // Dropped: killed, without a chance to stop its Postgres.
    drop(killed);
    assert!(process_runs(&server), "its Postgres runs on");

    let mut next = home.start(&["demo", "--speed", SPEED]);
    while !next.line().contains(" uploaded") {}
    assert!(!orphan.exists(), "its folder is removed");
    assert!(!process_runs(&server), "its Postgres is stopped");
    assert!(other.exists() && !postgres(&other).is_empty(), "the one that runs is left alone");
    for demo in [running, next] {
        demo.terminate();
        let ended = demo.end();
        assert!(ended.code == 0 || ended.code == 130, "{ended:?}");
    }
    assert!(folders().is_empty() && processes_that_name(&temporary).is_empty());
}

#[test]
fn an_unprivileged_user_sees_it_all() {
    let mut home = Home::new(crate::EQP);
    let temporary = make_temporary(&home);
    if std::fs::metadata(home.path()).unwrap().uid() != 0 {
        println!("did not run: it needs root, and the other test was unprivileged");
        return;
    }
    chown(&temporary, Some(NOBODY), Some(NOBODY)).unwrap();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    home.run_through(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    is_shown_whole(&mut home);
}

#[test]
fn ctrl_c_ends_it_early_and_nothing_stays_behind() {
    let mut home = Home::new(crate::EQP);
    let temporary = make_temporary(&home);
    home.set("TMPDIR", temporary.display().to_string());
    // If this line changes, the demo ends automatically and the test fails.
    let mut demo = home.start(&["demo", "--exit", "--speed", SPEED]);
    while !demo.line().contains(" uploaded") {}
    demo.terminate();
    let ended = demo.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(!ended.stdout.contains("Shown"), "before its end: {ended:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(processes_that_name(&temporary).is_empty());
}

#[test]
fn the_show_goes_on_after_its_postgres_was_killed() {
    let mut home = Home::new(crate::EQP);
    let temporary = make_temporary(&home);
    home.set("TMPDIR", temporary.display().to_string());
    let mut demo = home.start(&["demo", "--exit", "--speed", SPEED]);
    while !demo.line().contains(" uploaded") {}
    let folder = std::fs::read_dir(&temporary).unwrap().next().unwrap().unwrap().path();
    let pid_file = std::fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
    let server = pid_file.lines().next().unwrap();
    assert!(Command::new("kill").args(["-KILL", server]).status().unwrap().success());
    let ended = demo.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("restarting it") && ended.stdout.contains("in the store"), "{ended:?}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(processes_that_name(&temporary).is_empty());
}
