//! Tests that registrations that another program changed, and interrupted changes of our own, are detected, shown with
//! their repair, and repaired.

use serde_json::{Value, json};

use crate::other_tool::OtherTool;
use eqp_test_support::vendor::{TestVendor, scan};

const ELSEWHERE: &str = "https://other.example.com/hook";

/// One endpoint with a running receiver, and another tool.
struct Scene {
    vendor: TestVendor,
    stranger: OtherTool,
    url: String,
    _serve: eqp_test_support::tool::Running,
}

impl Scene {
    async fn open() -> Self {
        let vendor = TestVendor::start(crate::EQP).await;
        let (serve, base) = vendor.serve();
        let url = format!("{base}/callbacks/main");
        let stranger = OtherTool::of(&vendor.simulator);
        Self { vendor, stranger, url, _serve: serve }
    }

    async fn registered() -> Self {
        let scene = Self::open().await;
        scene.json(&["add", "--name", "main", "--url", &scene.url]);
        scene
    }

    fn run(&self, arguments: &[&str]) -> eqp_test_support::tool::Ended {
        self.vendor.home.run_aside(&[&["callbacks"], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Returns the state of the endpoint, and the arguments of its repair.
    fn state(&self) -> (String, Vec<String>) {
        let plan = self.json(&["plan"]);
        let endpoint = &plan["endpoints"][0];
        let state = endpoint["state"].as_str().unwrap().to_owned();
        let is_right = plan["in_sync"] == json!(true);
        let code = self.run(&["plan", "--exit-code"]).code;
        assert_eq!(code, if is_right { 0 } else { 8 }, "{plan}");
        let repair = endpoint["repair"].as_str().unwrap_or_default();
        (state, repair.split(' ').skip(2).map(str::to_owned).collect())
    }

    /// Expects this state, runs its repair, and expects that nothing is left to do.
    fn is_put_right(&self, state: &str) {
        let (found, repair) = self.state();
        assert_eq!(found, state);
        let repair: Vec<_> = repair.iter().map(String::as_str).collect();
        self.json(&repair);
        assert_eq!(self.state().0, "registered");
    }

    async fn usernames(&self) -> Vec<String> {
        self.stranger.usernames().await
    }

    async fn entry(&self, state: &str) -> Value {
        let (username, password) = self.vendor.credential(state).await;
        json!({"name": "main", "url": self.url, "username": username, "password": password})
    }

    async fn is_answered(&self, statuses: &[u16]) {
        assert_eq!(self.vendor.send("malware_scan_complete", scan("f")).await, statuses);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_somebody_overwrote_is_found_and_put_right() {
    let scene = Scene::registered().await;
    let ours = scene.usernames().await;
    assert_eq!(scene.state(), ("registered".to_owned(), vec![]));

    scene.stranger.overwrites(json!([])).await;
    scene.is_put_right("missing");
    assert_eq!(scene.usernames().await, ours, "with the credential that it had");

    scene.stranger.overwrites(json!([{"url": scene.url, "username": "ann", "password": "x"}])).await;
    let (state, _) = scene.state();
    assert_eq!(state, "overwritten");
    let refused = scene.run(&["add", "--name", "main"]);
    assert_eq!(refused.code, 1, "the password of the other entry is not known: {refused:?}");
    scene.json(&["adopt", "--name", "main", "--url", &scene.url]);
    assert_eq!(scene.state().0, "registered");
    scene.is_answered(&[200]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_shown_with_its_repair() {
    let scene = Scene::registered().await;
    let username = scene.usernames().await.remove(0);
    scene.stranger.overwrites(json!([{"url": ELSEWHERE, "username": username, "password": "x"}])).await;
    let shown = scene.run(&["plan"]);
    let lines: Vec<_> =
        shown.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(lines.join("\n").replace(&scene.url, "URL"), @r"
    environment name url user name state
    production main URL - our user name is registered at https://other.example.com/hook
    main: repair with: eqp callbacks add --name main
    ");
    assert_eq!(shown.stderr, "1 unmanaged entry left unchanged\n");
    assert_eq!(shown.code, 0, "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_registration_that_was_put_back_is_taken_shown_and_put_right() {
    let scene = Scene::registered().await;
    let old = scene.entry("active").await;
    scene.json(&["rotate", "--name", "main"]);
    let new = scene.usernames().await;
    scene.stranger.overwrites(json!([old])).await;
    scene.is_answered(&[200]).await;
    let refused = scene.run(&["rotate", "--name", "main"]);
    assert!(refused.code == 1 && refused.stderr.contains("is accepted until"), "{refused:?}");
    scene.is_put_right("restored");
    assert_eq!(scene.usernames().await, new);
    scene.is_answered(&[200]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_that_is_refused_by_now_is_replaced() {
    let scene = Scene::registered().await;
    let old = scene.entry("active").await;
    scene.json(&["remove", "--name", "main", "--grace", "0s"]);
    scene.stranger.overwrites(json!([old])).await;
    let left = async || {
        while scene.state().0 != "orphaned"
            || !scene.json(&["plan"])["endpoints"][0]["still_accepted"].as_array().unwrap().is_empty()
        {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), left()).await.expect("it is retired");
    // The receiver loads the change a moment later.
    let refused = async || {
        while scene.vendor.send("malware_scan_complete", scan("f")).await != [401] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), refused()).await.expect("the receiver refuses it");
    // The entry is managed, so a new credential replaces it although its password is unknown.
    scene.json(&["add", "--name", "main"]);
    assert_eq!(scene.usernames().await.len(), 1);
    scene.is_answered(&[200]).await;
}

/// Injects a fault into the write of the list, and prevents the list from being read again.
fn cut_off(vendor: &TestVendor, put: &str) {
    vendor.simulator.add_fault(put.parse().unwrap());
    // The list is read twice before the write.
    vendor.simulator.add_fault("status=503 call=users.get nth=3,4,5,6".parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_was_made_though_nothing_was_heard_of_it_is_found_by_its_user_name() {
    let scene = Scene::open().await;
    cut_off(&scene.vendor, "answer-lost call=users.put");
    let ended = scene.run(&["add", "--name", "main", "--url", &scene.url]);
    assert!(
        ended.code != 0 && ended.stderr.contains("run the same command again"),
        "{ended:?} {:?}",
        scene.vendor.simulator.faults()
    );
    scene.vendor.simulator.clear_faults();
    scene.is_answered(&[200]).await;
    let made = scene.usernames().await;
    assert_eq!(scene.state().0, "unconfirmed");
    let again = scene.json(&["add", "--name", "main"]);
    assert_eq!((&again["already_registered"], &again["username"]), (&json!(true), &json!(made[0])));
    assert_eq!(scene.usernames().await, made);
    scene.is_answered(&[200]).await;
    assert_eq!(scene.state().0, "registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_was_not_heard_of_and_comes_into_force_late_is_taken() {
    let scene = Scene::open().await;
    cut_off(&scene.vendor, "status=504 call=users.put");
    let ended = scene.run(&["add", "--name", "main", "--url", &scene.url]);
    assert_eq!(ended.code, 7, "{ended:?}");
    scene.vendor.simulator.clear_faults();
    assert_eq!(scene.state().0, "incomplete");
    // The write is applied late, after a read that did not show it.
    let late = scene.entry("pending").await;
    scene.stranger.overwrites(json!([late])).await;
    scene.is_answered(&[200]).await;
    scene.is_put_right("unconfirmed");
    scene.is_answered(&[200]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_cut_off_goes_on_with_the_credential_that_it_had() {
    let scene = Scene::registered().await;
    cut_off(&scene.vendor, "status=504 call=users.put");
    assert_eq!(scene.run(&["rotate", "--name", "main"]).code, 7);
    scene.vendor.simulator.clear_faults();
    let (begun, _) = scene.vendor.credential("pending").await;
    scene.is_answered(&[200]).await;
    assert_eq!(scene.json(&["add", "--name", "main"])["already_registered"], json!(true), "the old one is in force");
    scene.is_put_right("rotation_incomplete");
    assert_eq!(scene.usernames().await, [begun]);
    scene.is_answered(&[200]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_comparison_prints_nothing_unless_there_is_something_to_do() {
    let scene = Scene::registered().await;
    let compare = ["plan", "--exit-code", "--quiet"];
    let same = scene.run(&compare);
    assert_eq!((same.code, same.stdout.as_str(), same.stderr.as_str()), (0, "", ""), "{same:?}");
    scene.stranger.overwrites(json!([])).await;
    let differs = scene.run(&compare);
    assert!(differs.code == 8 && differs.stdout.contains("repair with: eqp callbacks add --name main"), "{differs:?}");
}
