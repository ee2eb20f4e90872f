//! Tests the simulator as programs in other languages use it: through its folder, its API and its control API.

use std::process::{Command, Stdio};

use eqp_test_support::TestDatabase;

use eqp_test_support::tool::Home;

/// Returns the variables that `eqp.env` sets in a shell.
fn variables(file: &str) -> Vec<(String, String)> {
    let script = format!(". '{file}' && env -0");
    let output = Command::new("sh").args(["-ec", &script]).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| name.starts_with("EQP_")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_script_rehearses_a_release_through_the_control_api() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("not run: there is no python3");
        return;
    }
    let database = TestDatabase::create().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.url());
    // So slow that nothing happens automatically.
    let simulate = ["simulator", "--listen", "127.0.0.1:0", "--speed", "0.001", "--json"];
    let mut simulator = home.start(&simulate);
    let reported = simulator.json_line();
    for (name, value) in variables(reported["environment_file"].as_str().unwrap()) {
        home.set(&name, value);
    }
    let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let url = format!("{}/callbacks/main", serve.json_line()["listening"].as_str().unwrap());
    let added = home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/other_languages/rehearsal.py");
    let mut python = home.other("python3");
    let python = python.args(["-I", script]).env("EQP", env!("CARGO_BIN_EXE_eqp"));
    let run = tokio::task::block_in_place(|| python.output().unwrap());
    let (stdout, stderr) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && stdout == "rehearsed\n", "{stdout}{stderr}");
}
