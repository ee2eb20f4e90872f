//! Tests several simulators in one folder: each has a file of environment variables, which always refers to a running
//! simulator.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eqp_test_support::tool::{Home, Running};

/// Starts a simulator, and returns its base URL and its file.
fn start(home: &Home) -> (Running, String, PathBuf) {
    let mut simulator = home.start(&["simulator", "--listen", "127.0.0.1:0", "--json"]);
    let reported = simulator.json_line();
    let text = |name: &str| reported[name].as_str().unwrap().to_owned();
    (simulator, text("base_url"), text("environment_file").into())
}

fn names(file: &Path, base_url: &str) -> bool {
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    lines.lines().any(|line| line.starts_with("export EQP_API_URL=") && line.contains(base_url))
}

fn end(simulator: Running) -> String {
    simulator.terminate();
    let ended = simulator.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stderr
}

#[test]
fn a_second_simulator_leaves_the_file_of_the_first_and_takes_it_over_at_its_end() {
    let home = Home::new(crate::EQP);
    let (first, first_url, usual) = start(&home);
    assert!(usual.ends_with("eqp.env") && names(&usual, &first_url), "{usual:?}");
    let (second, second_url, own) = start(&home);
    assert!(own != usual && names(&own, &second_url) && names(&usual, &first_url), "{own:?}");
    end(first);
    let begun = Instant::now();
    while !names(&usual, &second_url) {
        assert!(begun.elapsed() < Duration::from_mins(1), "it is not taken over");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(end(second).contains("points to this simulator"));
    assert!(!usual.exists() && !own.exists(), "a file of a stopped one stays");

    // A killed simulator leaves its file, which the next one replaces.
    let (killed, _, usual) = start(&home);
    killed.kill();
    assert!(usual.exists());
    let (next, next_url, file) = start(&home);
    assert!(file == usual && names(&usual, &next_url), "{file:?}");
    end(next);
}
