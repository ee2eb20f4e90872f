//! Tests the comparison of versions at Packagist, in the store and at repo.magento.com, against the simulator's own hosts.

use eqp_simulator::{PackagistPackage, RepositoryForm, Simulator};
use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::{TestVendor, use_marketplace};
use serde_json::{Value, json};

/// Starts a simulator with products in the store, each as `sku` and the version in the store.
async fn store() -> (Simulator, Home, Vec<(String, String)>) {
    let simulator = Simulator::builder().packages(48).start().await.unwrap();
    let mut home = Home::new(crate::EQP);
    use_marketplace(&mut home, &simulator);
    let listed = products(&run(&home, &[]));
    let in_store = listed.iter().map(|one| (text(one, "sku"), text(one, "store")));
    let in_store = in_store.collect();
    (simulator, home, in_store)
}

fn run(home: &Home, options: &[&str]) -> Ended {
    home.run_aside(&[&["packages", "published", "--json"][..], options].concat())
}

fn products(ended: &Ended) -> Vec<Value> {
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str::<Value>(&ended.stdout).unwrap()["products"].as_array().unwrap().clone()
}

fn text(product: &Value, field: &str) -> String {
    product[field].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn packagist_is_compared_with_the_store_and_only_shops_that_break_count() {
    let (simulator, home, in_store) = store().await;
    let [same, ahead, behind, html, down, absent, beta] = &in_store[..7] else { panic!("too few products") };
    let minified = |versions: &[&str]| PackagistPackage::Minified(versions.iter().map(ToString::to_string).collect());
    simulator.set_packagist(&same.0, minified(&[&same.1, "0.9.0"]));
    simulator.set_packagist(&behind.0, PackagistPackage::Plain(vec!["v0.9.0".to_owned(), "dev-main".to_owned()]));
    simulator.set_packagist(&html.0, PackagistPackage::Html);
    simulator.set_packagist(&down.0, PackagistPackage::Status(500));
    simulator.set_packagist(&beta.0, minified(&["99.0.0-beta1", &beta.1]));
    let listed = products(&run(&home, &[]));
    let standing = |sku: &str| text(listed.iter().find(|one| one["sku"] == sku).unwrap(), "standing");
    let standings = [same, behind, html, down, absent, beta].map(|(sku, _)| standing(sku));
    assert_eq!(standings, ["in_step", "behind", "unknown", "unknown", "not_on_packagist", "in_step"]);
    // What cannot be read is not a conflict.
    assert_eq!(run(&home, &[&same.0, &behind.0, &absent.0, "--exit-code"]).code, 0);
    assert_eq!(run(&home, &[&html.0, &same.0, "--exit-code"]).code, 7);

    simulator.set_packagist(&ahead.0, minified(&["9.1.1", "9.1.0"]));
    let conflict = home.run_aside(&["packages", "published", &ahead.0, &html.0, "--exit-code"]);
    let range = ahead.1.rsplit_once('.').unwrap().0;
    let sentence = format!("{}: Packagist has 9.1.1, the store {}. With ^{range}, Composer stops", ahead.0, ahead.1);
    assert!(conflict.code == 8 && conflict.stdout.contains(&sentence), "{conflict:?}");
    assert!(conflict.stderr.contains("Packagist cannot be read: the response is not JSON"), "{conflict:?}");
    assert_eq!(run(&home, &[&ahead.0]).code, 0, "without --exit-code");
    assert_eq!(run(&home, &["acme/typo"]).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composer_key_sees_what_can_be_installed_in_every_form_of_the_repository() {
    let (simulator, home, in_store) = store().await;
    let (sku, version) = &in_store[0];
    let installable = |options: &[&str]| {
        let product = products(&run(&home, &[&[sku.as_str()], options].concat())).remove(0);
        (text(&product, "installable"), product["repository"]["version"].clone())
    };
    let unknown = ("unknown".to_owned(), json!(null));
    assert_eq!(installable(&[]), unknown, "the account has no key");
    assert_eq!(home.run_aside(&["keys", "create", "ci"]).code, 0);
    for form in [RepositoryForm::Version1, RepositoryForm::MetadataUrl, RepositoryForm::Inline] {
        simulator.set_repository(form);
        assert_eq!(installable(&["--key", "ci"]), ("yes".to_owned(), json!(version)), "{form:?}");
    }
    for status in [401, 403, 404, 500] {
        simulator.set_repository(RepositoryForm::Refused(status));
        assert_eq!(installable(&["--exit-code"]), unknown, "{status}");
    }
    let requests = simulator.take_composer_requests().join("\n");
    assert!(requests.contains("composer/packages.json 200") && !requests.contains("archives"), "{requests}");
    assert_eq!(run(&home, &["--key", "other"]).code, 4);
    assert_eq!(home.run_aside(&["keys", "disable", "ci"]).code, 0);
    assert!(run(&home, &[sku]).stderr.contains("no enabled Composer key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_packagist_that_has_not_changed_is_not_sent_again() {
    let (simulator, home, in_store) = store().await;
    let (sku, version) = &in_store[0];
    std::fs::create_dir_all(home.path().join("data")).unwrap();
    let published = |found: &str| {
        let product = products(&run(&home, &[sku])).remove(0);
        assert_eq!(product["packagist"]["version"], json!(found), "{product}");
        simulator.take_composer_requests().pop().unwrap()
    };
    simulator.set_packagist(sku, PackagistPackage::Minified(vec![version.clone()]));
    simulator.take_composer_requests();
    assert_eq!(published(version), format!("packagist/p2/{sku}.json 200"));
    assert_eq!(published(version), format!("packagist/p2/{sku}.json 304"));
    simulator.set_packagist(sku, PackagistPackage::Minified(vec!["9.0.0".to_owned()]));
    assert_eq!(published("9.0.0"), format!("packagist/p2/{sku}.json 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_reports_a_version_that_only_packagist_has_as_an_alert_and_in_the_status() {
    let vendor = TestVendor::of(crate::EQP, Simulator::builder().packages(48)).await;
    let listed = products(&run(&vendor.home, &[]));
    let (sku, store) = (text(&listed[0], "sku"), text(&listed[0], "store"));
    vendor.simulator.set_packagist(&sku, PackagistPackage::Plain(vec!["9.1.1".to_owned()]));
    let (_serve, _) = vendor.serve();
    let added = vendor.home.run_aside(&["accounts", "add"]);
    assert_eq!(added.code, 0, "{added:?}");
    let looking = async {
        loop {
            let alerts = vendor.home.run_aside(&["alerts", "list"]);
            if alerts.stdout.contains("TICKET") && alerts.stdout.contains(&sku) {
                return alerts;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let alerts = tokio::time::timeout(std::time::Duration::from_mins(1), looking).await.expect("an alert is opened");
    assert!(alerts.stdout.contains(&format!("Packagist has 9.1.1, the store {store}")), "{alerts:?}");
    let status = vendor.home.run_aside(&["status", "--exit-code"]);
    assert_eq!(status.code, 8, "{status:?}");
    let block = status.stdout.split("NEEDS YOU").nth(1).unwrap().split("\n\n").next().unwrap();
    assert!(block.contains("on Packagist for 0 min, not in the"), "{block}");
    assert!(block.contains(&format!("next: eqp packages published {sku}")), "{block}");
}
