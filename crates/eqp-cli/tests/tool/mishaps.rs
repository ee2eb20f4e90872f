//! Tests the tool when calls of the Marketplace fail.

use serde_json::{Value, json};

use eqp_test_support::vendor::TestVendor;

/// Creates two pages of packages, which together exceed the buffer of a pipe.
fn two_pages(vendor: &TestVendor) {
    for half in ["a", "b"] {
        let packages: Vec<_> =
            (0..75).map(|at| json!({"item_id": format!("{half}-{at}"), "name": "n", "type": "extension", "long_description": "x".repeat(1_000)})).collect();
        vendor.home.write("half.json", &json!(packages).to_string());
        let made = vendor.home.run_aside(&["packages", "create", "half.json", "--quiet"]);
        assert_eq!(made.code, 0, "{made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_keeps_what_came_and_fails() {
    let vendor = TestVendor::start(crate::EQP).await;
    two_pages(&vendor);
    vendor.simulator.add_fault("wrong-shape call=packages.list nth=2".parse().unwrap());
    let ended = vendor.home.run_aside(&["packages", "list", "--all", "--json"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let whole_lines = ended.stdout.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
    assert_eq!(whole_lines, 100);
    let reported: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(reported["error"]["what"], json!("the response of the Marketplace cannot be read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_leaves_ends_the_stream_without_a_word() {
    let vendor = TestVendor::start(crate::EQP).await;
    two_pages(&vendor);
    let mut list = vendor.home.start(&["packages", "list", "--all", "--json"]);
    assert!(list.json_line()["submission_id"].is_string());
    let ended = tokio::task::block_in_place(|| list.leave());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_answer_is_lost_is_found_and_not_made_twice() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.home.write("one.toml", "[package]\nitem_id = \"one\"\nname = \"One\"\ntype = \"extension\"\n");
    vendor.simulator.add_fault("answer-lost call=packages.create times=1".parse().unwrap());
    let made = vendor.home.run_aside(&["packages", "create", "one.toml", "--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    let listed: Value = serde_json::from_str(&vendor.home.run_aside(&["packages", "list", "--json"]).stdout).unwrap();
    assert_eq!(listed["total"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_may_have_been_made_says_so() {
    let vendor = TestVendor::start(crate::EQP).await;
    vendor.home.write("one.toml", "[package]\nitem_id = \"one\"\nname = \"One\"\ntype = \"extension\"\n");
    assert_eq!(vendor.home.run_aside(&["packages", "create", "one.toml"]).code, 0);
    vendor.simulator.add_fault("answer-lost call=packages.update".parse().unwrap());
    let ended = vendor.home.run_aside(&["packages", "update", "one.toml"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(ended.stderr.contains("it may have been applied"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mishap_has_its_code_and_shows_no_page_of_a_proxy() {
    let vendor = TestVendor::start(crate::EQP).await;
    for (fault, arguments, code) in [
        ("too-many-requests=300s call=files.list", &["files", "list"][..], 7),
        ("html call=users.get", &["whoami"], 1),
        ("status=418,html call=reports.get", &["reports", "sales"], 1),
        ("status=404,empty call=keys.list", &["keys", "list"], 4),
        ("status=403 call=packages.get", &["packages", "show", "s1"], 3),
    ] {
        vendor.simulator.add_fault(fault.parse().unwrap());
        let ended = vendor.home.run_aside(arguments);
        assert_eq!(ended.code, code, "{fault}: {ended:?}");
        assert!(ended.stderr.starts_with("error: ") && !ended.stderr.contains("<html"), "{fault}: {}", ended.stderr);
        vendor.simulator.clear_faults();
    }
    // A token that expired early is replaced silently.
    vendor.simulator.add_fault("dead-token call=users.get times=1".parse().unwrap());
    let ended = vendor.home.run_aside(&["whoami"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}
