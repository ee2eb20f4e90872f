//! Tests `packages explain` with rejections of the simulator.

use serde_json::{Value, json};

use super::fixture::{Fixture, only_scans};

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_explained_with_source_code_cause_and_remedy() {
    let fixture = Fixture::open(only_scans()).await;
    // There is no phpcs, so the check cannot find the reason.
    let submitted = fixture.release(&[]);
    let id = submitted.stdout.trim();
    let none = fixture.home.run_aside(&["packages", "explain", "acme/module-badges"]);
    assert!(none.code == 4 && none.stderr.contains("no version of acme/module-badges was rejected"), "{none:?}");
    let decision = json!({"flow": "technical", "decision": "rejected", "tool": "phpcs", "message": "Mend it.",
        "reasons": ["Use of eval() is discouraged", "Direct use of $_POST Superglobal detected."]});
    fixture.decide(id, decision).await;
    let explain =
        |options: &[&str]| fixture.home.run_aside(&[&["packages", "explain", "acme/module-badges"], options].concat());
    let shown = explain(&["--archive", "submission.zip"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let filters = vec![
        (r"\d{4}-\d\d-\d\d.* UTC", "[date] UTC"),
        (r"code-sniffer did not run: .*", "code-sniffer did not run: [reason]"),
    ];
    insta::with_settings!({filters => filters}, { insta::assert_snapshot!(shown.stdout) });
    assert_eq!(
        fixture.home.run_aside(&["packages", "explain", id, "--archive", "submission.zip"]).stdout,
        shown.stdout
    );

    let as_json = explain(&["--json"]);
    let json: Value = serde_json::from_str(&as_json.stdout).unwrap();
    let group = &json["groups"][0];
    assert_eq!((&group["places"][0]["file"], &group["places"][0]["line"]), (&"registration.php".into(), &1.into()));
    assert_eq!(group["places"][0]["reason"]["id"], "eval", "{group}");
    assert_eq!(group["found_before"]["answer"], "not-compared", "{group}");

    for (code, options, expected) in [
        (4, &["--version", "9.0.0"][..], "error"),
        (2, &["--archive", "none.zip"], "cannot read none.zip"),
        (2, &["--tag", "v1.0.0"], "git"),
    ] {
        let refused = explain(options);
        assert!(refused.code == code && refused.stderr.contains(expected), "{options:?}: {refused:?}");
    }
    let other = fixture.home.run_aside(&["packages", "explain", "acme/other"]);
    assert_eq!(other.code, 4, "{other:?}");
}
