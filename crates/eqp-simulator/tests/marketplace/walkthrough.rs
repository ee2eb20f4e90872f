//! Tests of the documented commands with curl, if it is installed.

use std::path::Path;
use std::process::Stdio;

use eqp_simulator::Simulator;
use serde_json::{Value, json};

use eqp_test_support::marketplace::{CallbackRecorder, PATIENCE, TestMarketplace};

/// Starts a simulator with a speed at which no callback is sent to the documentation's host during a test.
async fn silent_world() -> TestMarketplace {
    TestMarketplace::of(Simulator::builder().speed(0.001)).await
}

/// Runs a script and returns its output; `None` if curl is not installed.
async fn sh(script: &str) -> Option<String> {
    if !Path::new("/usr/bin/curl").exists() {
        println!("not run: there is no curl");
        return None;
    }
    let run = tokio::process::Command::new("sh")
        .args(["-ec", script])
        .env("no_proxy", "*")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Some(String::from_utf8(run.stdout).unwrap())
}

/// Returns the commands of docs/simulator-walkthrough.md, with placeholders for values that change at every start.
#[tokio::test]
async fn the_printed_walkthrough_is_the_documented_one() {
    let harness = silent_world().await;
    let key = harness.simulator.api_key();
    let printed = harness
        .simulator
        .walkthrough(Path::new("ca.pem"))
        .script()
        .replace(harness.simulator.base_url(), "https://localhost:7443")
        .replace(&key.application_id, "APPLICATION_ID")
        .replace(key.application_secret.expose(), "APPLICATION_SECRET")
        .replace(harness.simulator.control_token().expose(), "CONTROL_TOKEN");
    let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulator-walkthrough.md"));
    let documented = std::fs::read_to_string(page).unwrap();
    let (_, block) = documented.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert_eq!(block.trim_end(), printed.trim_end(), "write what the walk prints into {}", page.display());
}

#[tokio::test]
async fn the_printed_commands_work() {
    let harness = silent_world().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("simulator's ca.pem");
    std::fs::write(&ca_file, harness.simulator.ca_pem()).unwrap();
    let walkthrough = harness.simulator.walkthrough(&ca_file);
    let script = format!("export TMPDIR='{}'\n{}", folder.path().display(), walkthrough.script());
    let Some(printed) = sh(&script).await else { return };
    let answers: Vec<Value> = serde_json::Deserializer::from_str(&printed).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0]["api_callbacks"][0]["username"], "key");
    assert_eq!(answers[1][0]["filename"], "guide.pdf");
    assert_eq!(answers[2][0]["code"], 200);
    assert_eq!((&answers[3]["code"], &answers[4]["release_notes"]), (&json!(200), &json!("The first version")));
    assert_eq!((&answers[5], &answers[6][0]["name"]), (&json!([]), &json!("Badges")));
    assert_eq!((&answers[7]["active"], &answers[8]["code"]), (&json!(true), &json!(503)));
    assert_eq!(answers[9]["packages"][0]["item_id"], "walk");
    assert_eq!(answers.len(), 10);
}

/// The registration from the documentation, except for host and token.
#[tokio::test]
async fn the_documented_registration_gets_the_documented_answer() {
    let harness = silent_world().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, harness.simulator.ca_pem()).unwrap();
    let script = format!(
        r#"curl -sS --cacert {} -X PUT \
     -H 'Authorization: Bearer {}' \
     -H 'Content-Type: application/json' \
     -d '{{"api_callbacks": [{{"name": "My 1st EQP Callback","url": "https://developer.example.com/rest/v1/callback","username": "key","password": "secret"}}]}}' \
     {}/rest/v1/users/MAG123456789"#,
        ca_file.display(),
        harness.token,
        harness.simulator.base_url(),
    );
    let Some(printed) = sh(&script).await else { return };
    let profile: Value = serde_json::from_str(&printed).unwrap();
    let shown = json!([{
        "name": "My 1st EQP Callback",
        "url": "https://developer.example.com/rest/v1/callback",
        "username": "key"
    }]);
    assert_eq!(profile["api_callbacks"], shown);
    assert_eq!(profile["mage_id"], "MAG123456789");
}

/// Returns every shell block of docs/simulator.md, joined.
#[tokio::test]
async fn the_documented_examples_of_the_control_api_work() {
    let harness = silent_world().await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let package = harness.complete_package("item", "badges.zip").await;
    harness.pass_scans();
    let package = harness.create(package).await;
    let scanning = harness.upload_one("reference.pdf", b"%PDF".to_vec()).await;
    harness.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 5).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulator.md");
    let documented = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> = documented.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    let script = format!(
        "export EQP_CA_FILE='{}' EQP_SIMULATOR_CONTROL_TOKEN_FILE='{}' EQP_SIMULATOR_CONTROL_URL='{}/simulator/v1'\n\
         PACKAGE={package} FILE={}\n{}",
        file("ca.pem", harness.simulator.ca_pem()),
        file("token", harness.simulator.control_token().expose()),
        harness.simulator.base_url(),
        scanning,
        blocks.concat(),
    );
    let commands = script.lines().filter(|line| line.starts_with("simulator /") || line.starts_with("simulator \"/"));
    let commands = commands.count() + script.matches("simulator '/").count();
    let Some(printed) = sh(&script).await else { return };
    let answers = serde_json::Deserializer::from_str(&printed).into_iter::<Value>().map(Result::unwrap);
    assert_eq!(answers.count(), commands);
    assert_eq!(harness.simulator.snapshot().accounts[0].packages.len(), 0, "the last one is a reset");
}
