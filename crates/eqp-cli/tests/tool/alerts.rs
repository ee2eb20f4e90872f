//! Alerts of a running server, from their opening to their resolution by a person.

use eqp_test_support::tool::Home;
use eqp_test_support::vendor::TestVendor;
use serde_json::{Value, json};

/// Waits until the list has an alert of this kind, and returns it.
async fn opened(home: &Home, kind: &str) -> Value {
    let waiting = async {
        loop {
            let listed = home.json(&["alerts", "list", "--json"]);
            if let Some(alert) = listed["alerts"].as_array().unwrap().iter().find(|alert| alert["kind"] == kind) {
                return alert.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), waiting).await.expect("the alert is opened")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_listed_acknowledged_snoozed_annotated_and_resolved() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.home.configure("[alerts]\nseverities = [\"unknown_event_code=page\"]\nquiet_hours = \"22:00-07:00\"\n");
    let (serve, url) = vendor.serve();
    let home = &vendor.home;
    let endpoint = format!("{url}/callbacks/main");
    let added = home.run_aside(&["callbacks", "add", "--name", "main", "--url", &endpoint, "--yes"]);
    assert_eq!(added.code, 0, "{added:?}");
    let listed = home.run_aside(&["alerts", "list"]);
    assert!(listed.stdout.starts_with("0 open, 0 acknowledged, 0 resolved in 30 days\n"), "{listed:?}");
    assert!(
        listed.stdout.contains("not proven yet: endpoint main, registered 0 min ago, no callback from Adobe"),
        "{listed:?}"
    );

    assert_eq!(
        vendor.send("package_sold", r#"{"callback_event": "package_sold", "update_info": {}}"#.to_owned()).await,
        [200]
    );
    let alert = opened(home, "unknown_event_code").await;
    assert_eq!((&alert["severity"], &alert["scope"]), (&json!("page"), &json!("package_sold")));
    let id = alert["id"].to_string();
    let listed = home.run_aside(&["alerts", "list"]).stdout;
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines[0], "1 open, 0 acknowledged, 0 resolved in 30 days");
    assert!(
        lines[2].starts_with("PAGE   unknown event code    since ") && lines[2].ends_with("package_sold"),
        "{listed}"
    );
    assert_eq!(
        lines[3],
        format!("{:<9}1 callback had an event code that this version does not know. Nothing", format!("#{id}"))
    );
    assert_eq!(lines[5], "         first check: eqp events list --kind unknown");

    for (code, arguments) in [
        (0, &["alerts", "ack", &id, "--by", "ann", "--note", "Adobe ticket 88123"][..]),
        (0, &["alerts", "snooze", &id, "--for", "3d"]),
        (0, &["alerts", "note", &id, "asked again", "--by", "ann"]),
        (0, &["alerts", "resolve", &id, "--by", "ann", "--dry-run"]),
        (0, &["alerts", "resolve", &id, "--by", "ann", "--yes"]),
        (1, &["alerts", "resolve", &id, "--by", "ann", "--yes"]),
        (1, &["alerts", "ack", &id, "--by", "ann"]),
        (0, &["alerts", "note", &id, "known", "--by", "ann"]),
    ] {
        let ended = home.run_aside(arguments);
        assert_eq!(ended.code, code, "{arguments:?} {ended:?}");
    }
    let shown = home.json(&["alerts", "show", &id, "--json"]);
    let changes = shown["changes"].as_array().unwrap();
    let happened: Vec<_> = changes.iter().map(|change| change["change"].as_str().unwrap()).collect();
    assert_eq!(happened, ["opened", "acknowledged", "snoozed", "noted", "resolved", "noted"]);
    assert_eq!((&shown["alert"]["resolved_by"], &shown["alert"]["note"]), (&json!("ann"), &json!("known")));
    let audit = home.json(&["audit", "list", "--json"]);
    let actions = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action"].as_str().unwrap().starts_with("alert."));
    assert_eq!(actions.count(), 5);
    assert_eq!(home.json(&["alerts", "list", "--json"])["alerts"], json!([]), "it is not opened again");
    serve.terminate();
}
