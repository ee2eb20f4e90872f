//! With real curl, where there is one.

use std::path::Path;
use std::process::Stdio;

use eqp_simulator::Simulator;
use serde_json::{Value, json};

use crate::world::World;

/// So slow that no callback is ever sent to the documentation's host.
async fn silent_world() -> World {
    World::of(Simulator::builder().speed(0.001)).await
}

/// Runs a script; answers what it printed, or nothing where there is no curl.
async fn sh(script: &str) -> Option<String> {
    if !Path::new("/usr/bin/curl").exists() {
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

#[tokio::test]
async fn the_printed_commands_work() {
    let world = silent_world().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("simulator's ca.pem");
    std::fs::write(&ca_file, world.simulator.ca_pem()).unwrap();
    let walk = world.simulator.walk(&ca_file);
    let script = format!("export TMPDIR='{}'\n{}", folder.path().display(), walk.script());
    let Some(printed) = sh(&script).await else { return };
    let answers: Vec<Value> = serde_json::Deserializer::from_str(&printed).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0]["api_callbacks"][0]["username"], "key");
    assert_eq!(answers[1][0]["filename"], "guide.pdf");
    assert_eq!(answers[2][0]["code"], 200);
    assert_eq!(answers[3][0]["name"], "Badges");
}

/// The registration as the documentation prints it, but for host and token.
#[tokio::test]
async fn the_documented_registration_gets_the_documented_answer() {
    let world = silent_world().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, world.simulator.ca_pem()).unwrap();
    let script = format!(
        r#"curl -sS --cacert {} -X PUT \
     -H 'Authorization: Bearer {}' \
     -H 'Content-Type: application/json' \
     -d '{{"api_callbacks": [{{"name": "My 1st EQP Callback","url": "https://developer.example.com/rest/v1/callback","username": "key","password": "secret"}}]}}' \
     {}/rest/v1/users/MAG123456789"#,
        ca_file.display(),
        world.token,
        world.simulator.base_url(),
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
