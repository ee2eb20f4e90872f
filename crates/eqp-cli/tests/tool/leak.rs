//! Tests that a leaked password is rejected by every receiver before the command returns, and that the active one never
//! is.

use serde_json::{Value, json};

use crate::other_tool::OtherTool;
use eqp_test_support::tool::{Ended, Running};
use eqp_test_support::vendor::{TestVendor, scan};

/// One endpoint, two receivers that serve it, and an attacker who knows a password.
struct Scene {
    vendor: TestVendor,
    stranger: OtherTool,
    /// The URLs of the endpoint at both receivers; the first one is registered.
    urls: [String; 2],
    _serving: [Running; 2],
}

impl Scene {
    async fn open() -> Self {
        let vendor = TestVendor::start(crate::EQP).await;
        let [(first, first_base), (second, second_base)] = [vendor.serve(), vendor.serve()];
        let urls = [first_base, second_base].map(|base| format!("{base}/callbacks/main"));
        let stranger = OtherTool::of(&vendor.simulator);
        let scene = Self { vendor, stranger, urls, _serving: [first, second] };
        scene.json(&["add", "--name", "main", "--url", &scene.urls[0]]);
        scene
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.vendor.home.run_aside(&[&["callbacks"], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Sets the list to this credential at these URLs.
    async fn lists(&self, (username, password): &(String, String), urls: &[String]) {
        let entry = |url: &String| json!({"name": "main", "url": url, "username": username, "password": password});
        self.stranger.overwrites(urls.iter().map(entry).collect()).await;
    }

    /// Returns the status with which each receiver answers this credential. The list is restored afterwards.
    async fn answers(&self, credential: &(String, String)) -> Vec<u16> {
        let in_force = self.vendor.credential("active").await;
        self.lists(credential, &self.urls).await;
        let statuses = self.vendor.send("malware_scan_complete", scan("f")).await;
        self.lists(&in_force, &self.urls[..1]).await;
        statuses
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replaced_is_refused_everywhere_when_the_command_ends() {
    let scene = Scene::open().await;
    let leaked = scene.vendor.credential("active").await;
    scene.json(&["rotate", "--name", "main"]);
    let new = scene.vendor.credential("active").await;
    assert_eq!(scene.answers(&leaked).await, [200, 200], "in its grace it is taken");
    let second = scene.run(&["rotate", "--name", "main"]);
    assert!(second.code == 1 && second.stderr.contains("eqp callbacks retire --name main"), "{second:?}");

    let shown = scene.json(&["retire", "--name", "main", "--dry-run"]);
    assert_eq!(shown["would_refuse"], json!([leaked.0]));
    assert_eq!(scene.answers(&leaked).await, [200, 200], "it was only shown");
    let retired = scene.json(&["retire", "--name", "main"]);
    // The command returns when every receiver has loaded the change.
    assert_eq!((&retired["refused"], &retired["receivers"]), (&json!([leaked.0]), &json!(2)));
    assert_eq!(scene.answers(&leaked).await, [401, 401]);
    assert_eq!(scene.answers(&new).await, [200, 200]);
    let plan = &scene.json(&["plan"])["endpoints"][0];
    assert_eq!((&plan["state"], &plan["still_accepted"]), (&json!("registered"), &json!([])));

    let again = scene.run(&["retire", "--name", "main"]);
    assert_eq!(again.code, 4, "{again:?}");
    insta::assert_snapshot!(again.stderr.replace(&new.0, "eqp-new"), @r"
    error: `main` has no replaced credential that is still accepted
      why: eqp-new is the active credential
      next: to replace it and reject it at once: eqp callbacks rotate --name main --grace 0s
    ");
    scene.json(&["rotate", "--name", "main"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grace_the_old_one_is_refused_as_soon_as_the_new_one_is_in_force() {
    let scene = Scene::open().await;
    let leaked = scene.vendor.credential("active").await;
    let rotated = scene.json(&["rotate", "--name", "main", "--grace", "0s"]);
    assert_eq!((&rotated["refused"], &rotated["still_accepted"]), (&json!([leaked.0]), &json!([])));
    assert_eq!(scene.answers(&leaked).await, [401, 401]);
    let new = scene.vendor.credential("active").await;
    assert_eq!(scene.answers(&new).await, [200, 200]);

    let reported = scene.run(&["rotate", "--name", "main", "--grace", "0s"]);
    let newest = scene.vendor.credential("active").await;
    assert_eq!(reported.code, 0, "{reported:?}");
    let reported =
        format!("{}{}", reported.stderr, reported.stdout).replace(&new.0, "eqp-new").replace(&newest.0, "eqp-newest");
    insta::assert_snapshot!(reported.replace(&scene.urls[0], "URL"), @r"
    without a grace period, callbacks in flight that use the old user name are rejected
    replace URL (user `eqp-new`) with user `eqp-newest`
    main of MAG123456789 in production was rotated
      url          URL
      user name    eqp-newest
      rejected     eqp-new (both receivers have loaded the change)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_list_names_is_never_refused() {
    let scene = Scene::open().await;
    let leaked = scene.vendor.credential("active").await;
    scene.json(&["rotate", "--name", "main"]);
    // Another program restored the old registration.
    scene.lists(&leaked, &scene.urls[..1]).await;
    let refused = scene.run(&["retire", "--name", "main"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    insta::assert_snapshot!(refused.stderr.replace(&leaked.0, "eqp-old"), @r"
    error: eqp-old was not retired
      why: it is still registered at the Marketplace, so every callback would be rejected
      next: restore its replacement, then try again: eqp callbacks add --name main
    ");
    assert_eq!(scene.vendor.send("malware_scan_complete", scan("f")).await, [200]);
    scene.json(&["add", "--name", "main"]);
    scene.json(&["retire", "--name", "main"]);
    assert_eq!(scene.answers(&leaked).await, [401, 401]);

    // A removed credential is accepted during its grace period, unless it leaked.
    let removed = scene.vendor.credential("active").await;
    scene.json(&["remove", "--name", "main"]);
    scene.lists(&removed, &scene.urls[..1]).await;
    let refused = scene.run(&["retire", "--name", "main"]);
    assert!(refused.code == 1 && refused.stderr.contains("eqp callbacks remove --name main"), "{refused:?}");
    scene.json(&["remove", "--name", "main"]);
    assert_eq!(scene.json(&["retire", "--name", "main"])["refused"], json!([removed.0]));
    scene.lists(&removed, &scene.urls).await;
    assert_eq!(scene.vendor.send("malware_scan_complete", scan("f")).await, [401, 401]);
    let none = scene.run(&["retire", "--name", "nowhere"]);
    assert!(none.code == 4 && none.stderr.contains("no endpoint `nowhere`"), "{none:?}");
}
