//! Tests that the tool reads both variants of fields that the Marketplace writes in two ways.

use eqp_simulator::{Empty, Simulator, Spelling};
use serde_json::{Value, json};

use super::fixture::{Fixture, at_once, result};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_and_everything_that_is_read_of_it_works_with_both_spellings_of_the_api() {
    for (spelling, empty) in [
        (Spelling::Usual, Empty::List),
        (Spelling::Usual, Empty::Absent),
        (Spelling::Other, Empty::Object),
        (Spelling::Other, Empty::Null),
        (Spelling::Other, Empty::Text),
    ] {
        let fixture = Fixture::with(Simulator::builder().script(at_once()).spelling(spelling).empty(empty)).await;
        let ended = fixture.release(&["--until", "released", "--timeout", "60s", "--json"]);
        assert_eq!(
            (ended.code, &result(&ended)["result"]),
            (0, &json!("reached")),
            "{spelling:?} {empty:?}: {ended:?}"
        );
        let handle = result(&ended)["handle"].as_str().unwrap().to_owned();
        let again = fixture.release(&["--json"]);
        assert_eq!(result(&again)["result"], json!("already_released"), "{spelling:?} {empty:?}: {again:?}");
        let shown = fixture.home.run_aside(&["packages", "show", &handle, "--json"]);
        let package = serde_json::from_str::<Value>(&shown.stdout).unwrap()["package"].clone();
        assert_eq!(package["sku"], json!("acme/module-badges"), "{spelling:?} {empty:?}");
        for arguments in [
            &["whoami"][..],
            &["packages", "list"],
            &["packages", "show", "--item", "acme-module-badges-1.2.0"],
            &["packages", "report", &handle],
            &["files", "list"],
            &["keys", "list", "--uid", "all"],
        ] {
            let read = fixture.home.run_aside(arguments);
            assert_eq!(read.code, 0, "{spelling:?} {empty:?} {arguments:?}: {read:?}");
        }
        // The output can be sent back, in both variants.
        fixture.home.write("back.json", &package.to_string());
        let planned = fixture.home.run_aside(&["packages", "update", "back.json", "--dry-run", "--json"]);
        assert_eq!(planned.code, 0, "{spelling:?} {empty:?}: {planned:?}");
        let sent = &serde_json::from_str::<Value>(&planned.stdout).unwrap()["would_update"][0];
        assert_eq!(sent["pricing_model"]["pricing_type"], json!("one-time"), "{spelling:?}: {sent}");
        assert!(sent.get("pricing_type").is_none(), "{spelling:?}: {sent}");
    }
}
