//! Tests Composer keys, whose passwords are secrets, and reports, whose format is not documented.

use serde_json::{Value, json};

use eqp_test_support::vendor::TestVendor;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_shows_its_password_when_it_is_made_and_when_it_is_asked_for() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    let made: Value =
        serde_json::from_str(&home.run_aside(&["keys", "create", "build/server 1", "--json"]).stdout).unwrap();
    let password = made["m2"][0]["password_key"].as_str().unwrap().to_owned();
    assert!(password.len() > 20);
    for arguments in [&["keys", "list"][..], &["keys", "list", "--json"]] {
        let ended = home.run_aside(arguments);
        assert!(ended.code == 0 && ended.stdout.contains("build/server 1"), "{ended:?}");
        assert!(!ended.stdout.contains(&password) && !ended.stderr.contains(&password), "{ended:?}");
    }
    assert!(home.run_aside(&["keys", "list", "--show-secrets"]).stdout.contains(&password));

    let twice = home.run_aside(&["keys", "create", "build/server 1", "other"]);
    assert_eq!(twice.code, 5, "{twice:?}");
    assert!(twice.stderr.contains("1 of 2 keys were not created") && twice.stdout.contains("other"), "{twice:?}");

    assert_eq!(home.run_aside(&["keys", "disable", "build/server 1"]).code, 0);
    let listed: Value =
        serde_json::from_str(&home.run_aside(&["keys", "list", "--label", "build/server 1", "--json"]).stdout).unwrap();
    assert_eq!(listed["m2"][0]["is_enabled"], json!(false));
    assert_eq!(home.run_aside(&["keys", "enable", "build/server 1", "--json"]).code, 0);
    assert_eq!(home.run_aside(&["keys", "delete", "build/server 1"]).code, 0);
    assert_eq!(home.run_aside(&["keys", "delete", "build/server 1"]).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_shown_as_they_come() {
    let vendor = TestVendor::start(crate::EQP).await;
    let home = &vendor.home;
    for report in ["pageviews", "totals", "sales", "refunds", "metrics"] {
        let reported: Value = serde_json::from_str(&home.run_aside(&["reports", report, "--json"]).stdout).unwrap();
        assert_eq!((&reported["name"], &reported["environment"]), (&json!(report), &json!("production")));
        assert!(reported["report"].is_object(), "{reported}");
    }
    let one = home.run_aside(&["reports", "metrics", "--metric", "eqp_review_time"]);
    assert!(one.code == 0 && one.stdout.contains("metric: eqp_review_time"), "{one:?}");
}
