//! Tests a data folder without the master key of the database, or with another one.

use eqp_store::MasterKey;
use serde_json::Value;

use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::TestVendor;

const ADD: [&str; 6] = ["callbacks", "add", "--name", "main", "--url", "https://eqp.example.com/callbacks/main"];
/// An address on which nothing listens.
const NOWHERE: &str = "127.0.0.1:1";

/// Returns a vendor whose database belongs to a master key, and another data folder, which is not created.
async fn vendor_with_another_folder() -> TestVendor {
    let mut vendor = TestVendor::start(crate::EQP).await;
    let added = vendor.home.run_aside(&ADD);
    assert_eq!(added.code, 0, "{added:?}");
    vendor.home.set("EQP_DATA_DIR", "other");
    vendor
}

fn is_refused(ended: &Ended) {
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("belongs to another master key"), "{}", ended.stderr);
}

/// Returns the doctor's check of the database, which must fail.
fn failed_check(home: &Home) -> String {
    let ended = home.run_aside(&["doctor", "--json", "--listen", NOWHERE]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let reported: Value = serde_json::from_str(&ended.stdout).unwrap();
    let check = reported["checks"].as_array().unwrap().iter().find(|check| check["name"] == "database").unwrap();
    assert_eq!(check["state"], "failed", "{check}");
    check.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_missing_is_not_created_for_a_database_that_belongs_to_a_key() {
    let vendor = vendor_with_another_folder().await;
    let key = vendor.home.path().join("other/master.key");
    for arguments in [
        &["callbacks", "rotate", "--name", "main"][..],
        &ADD,
        &["callbacks", "plan"],
        &["trigger", "malware_scan_complete", "--file", "f", "--to", "main"],
        &["serve", "--listen", "127.0.0.1:0", "--operator-listen", "off"],
    ] {
        let ended = vendor.home.run_aside(arguments);
        is_refused(&ended);
        assert!(ended.stderr.contains("other/master.key, and none was created"), "{arguments:?}: {}", ended.stderr);
        assert!(!key.exists(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_fails_if_the_database_belongs_to_another_one() {
    let vendor = vendor_with_another_folder().await;
    let key = vendor.home.path().join("other/master.key");
    let missing = failed_check(&vendor.home);
    assert!(missing.contains("none was created") && missing.contains("EQP_MASTER_KEY_FILE"), "{missing}");
    assert!(!key.exists() && !key.parent().unwrap().exists());

    MasterKey::open(&key).unwrap();
    vendor.home.write("other/eqp-data", "");
    is_refused(&vendor.home.run_aside(&["callbacks", "plan"]));
    let other = failed_check(&vendor.home);
    for part in ["belongs to another master key", "every callback would be rejected", "EQP_MASTER_KEY_FILE"] {
        assert!(other.contains(part), "{part}: {other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_need_it_say_whether_it_is_missing_or_malformed() {
    let mut vendor = TestVendor::start(crate::EQP).await;
    assert_eq!(vendor.home.run_aside(&["migrate"]).code, 0);
    assert_eq!(vendor.home.run_aside(&["accounts", "add"]).code, 0);
    vendor.home.set("EQP_DATA_DIR", "other");
    vendor.home.set("EQP_APPLICATION_ID", "");
    let reconcile = vendor.home.run_aside(&["reconcile"]);
    assert_eq!(reconcile.code, 2, "{reconcile:?}");
    assert!(
        reconcile.stderr.contains("1 access key in the database cannot be read without the master key"),
        "{reconcile:?}"
    );
    assert!(reconcile.stderr.contains("other/master.key"), "{reconcile:?}");

    let add = ["subscriptions", "add", "shop", "--webhook", "https://shop.example.com/eqp", "--generate-secret"];
    let missing = vendor.home.run_aside(&add);
    assert!(missing.code == 1 && missing.stderr.contains("there is no master key here"), "{missing:?}");
    std::fs::create_dir_all(vendor.home.path().join("other")).unwrap();
    vendor.home.write("other/eqp-data", "");
    vendor.home.write("other/master.key", "not a key");
    let malformed = vendor.home.run_aside(&add);
    assert!(malformed.code == 1 && malformed.stderr.contains("the master key here cannot be used"), "{malformed:?}");
    assert!(!malformed.stderr.contains("there is no master key"), "{malformed:?}");
}
