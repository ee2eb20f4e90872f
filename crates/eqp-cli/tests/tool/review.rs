//! Tests a complete review, from the start of the simulator to the release, with the tool only.

use std::time::{Duration, Instant};

use eqp_test_support::TestDatabase;
use serde_json::{Value, json};

use eqp_test_support::tool::{Home, Running};

/// Starts a simulator and a receiver, and registers a callback, with the tool only.
struct World {
    home: Home,
    _simulator: Running,
    _serve: Running,
    database: TestDatabase,
}

impl World {
    async fn start(course: &str) -> Self {
        let database = TestDatabase::create().await;
        let mut home = Home::new(crate::EQP);
        home.set("EQP_DATABASE_URL", database.url());
        let arguments = ["simulator", "--listen", "127.0.0.1:0", "--speed", "300", "--scenario", course, "--json"];
        let mut simulator = home.start(&arguments);
        let said = simulator.json_line();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        home.set("EQP_ENVIRONMENT", text("environment"));
        home.set("EQP_API_URL", text("base_url"));
        home.set("EQP_CA_FILE", text("ca_file"));
        home.set("EQP_APPLICATION_ID", text("application_id"));
        home.set("EQP_APPLICATION_SECRET_FILE", text("application_secret_file"));
        let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let url = format!("{}/callbacks/main", serve.json_line()["listening"].as_str().unwrap());
        home.json(&["callbacks", "add", "--name", "main", "--url", &url, "--json"]);
        Self { home, _simulator: simulator, _serve: serve, database }
    }

    fn upload(&self, name: &str) -> String {
        self.home.write(name, "not empty");
        let uploaded = self.home.json(&["files", "upload", name, "--json"]);
        uploaded["files"][0]["file_upload_id"].as_str().unwrap().to_owned()
    }

    fn create(&self, name: &str, archive: &str) -> String {
        let (guide, icon) = (self.upload("guide.pdf"), self.upload("icon.png"));
        let package = json!({
            "item_id": name, "type": "extension", "platform": "M2", "name": name, "version": "1.2.0",
            "sku": format!("acme/{name}"), "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}],
            "release_notes": "First", "artifact": {"file_upload_id": archive}, "long_description": "Something",
            "documentation_artifacts": {"user": {"file_upload_id": guide}}, "license_type": "mit",
            "categories": ["Extensions//Content"],
            "media_artifacts": {"icon_image": {"file_upload_id": icon}, "gallery_images": [{"file_upload_id": icon}]},
            "action": {"technical": "submit", "marketing": "submit"},
        });
        self.home.write("package.json", &package.to_string());
        let created = self.home.json(&["packages", "create", "package.json", "--json"]);
        created["packages"][0]["submission_id"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned()
    }
}

#[tokio::test]
async fn a_submission_goes_from_upload_to_the_store() {
    let world = World::start("plain").await;
    let home = &world.home;
    let archive = world.upload("checkout-1.2.0.zip");
    let scanned = home.json(&["wait", &archive, "--timeout", "30s", "--json"]);
    assert_eq!((&scanned["kind"], &scanned["result"]), (&json!("file"), &json!("reached")));

    let submission = world.create("checkout", &archive);
    let waited = home.json(&["wait", &submission, "--timeout", "50s", "--json"]);
    assert_eq!((&waited["result"], &waited["confirmed"]), (&json!("reached"), &json!(true)), "{waited}");

    // The wait may end with the API's response, before the callback has arrived.
    let deadline = Instant::now() + Duration::from_mins(1);
    let list = ["events", "list", "--resource-id", &submission, "--status", "released_to_store", "--json"];
    let mut released = home.json(&list);
    while released["events"][0].is_null() && Instant::now() < deadline {
        released = home.json(&list);
    }
    let event = &released["events"][0];
    assert_eq!((&event["flow"], &event["environment"]), (&json!("overall"), &json!("production")), "{released}");
    let shown = home.json(&["events", "show", &event["seq"].to_string(), "--json"]);
    let body: Value = serde_json::from_str(shown["callback"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["update_info"]["submission_id"], json!(submission));
    let as_text = home.run(&["events", "show", &event["seq"].to_string()]).stdout;
    assert!(as_text.contains(shown["callback"]["body"].as_str().unwrap()), "{as_text}");
    assert!(!as_text.to_lowercase().contains("authorization"), "{as_text}");

    let line = home.run(&["submissions", "list"]).stdout;
    assert!(line.contains("overall released_to_store · technical approved · marketing approved"), "{line}");
    let history = home.json(&["submissions", "show", "checkout", "--json"]);
    assert!(history["submissions"][0]["events"].as_array().unwrap().len() > 3, "{history}");
    assert!(home.run(&["packages", "show", &submission]).stdout.contains("acme/checkout"));
    assert!(home.run(&["packages", "list"]).stdout.contains(&submission));
    assert_eq!(home.json(&["files", "show", &archive, "--json"])["malware_status"], json!("pass"));

    // All events are followed from the first one, until the tail is stopped.
    let mut tail = home.start(&["events", "tail", "--after", "0", "--json"]);
    assert_eq!(tail.json_line()["seq"], json!(1));
    tail.terminate();
    assert_eq!(tail.end().code, 0);
}

#[tokio::test]
async fn bad_ends_have_their_exit_codes() {
    let world = World::start("demo").await;
    let home = &world.home;
    let infected = world.upload("infected.zip");
    let ended = home.run(&["wait", &infected, "--timeout", "30s"]);
    assert_eq!(ended.code, 5, "{ended:?}");

    let badges = world.upload("badges.zip");
    assert_eq!(home.run(&["wait", &badges, "--timeout", "30s"]).code, 0);
    let submission = world.create("badges", &badges);
    let ended = home.run(&["wait", &submission, "--timeout", "50s"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(ended.stderr.contains("marketing is rejected"), "{}", ended.stderr);

    // The reasons of the rejection: as text, as the complete report, and with the package.
    let reported = home.json(&["packages", "report", &submission, "--json"]);
    assert_eq!(reported["reports"][0]["test"]["name"], json!("marketing"), "{reported}");
    let sentences = reported["reports"][0]["reasons"][0]["sentences"].as_array().unwrap();
    let reason = sentences[0].as_str().unwrap();
    let text = home.run(&["packages", "report", &submission]);
    assert!(text.stdout.contains("marketing: fail") && text.stdout.contains(reason), "{text:?}");
    assert!(text.stderr.contains("full report: "), "{text:?}");
    let whole = home.run(&["packages", "report", &submission, "marketing"]);
    assert!(whole.stdout.contains(reason) && whole.stdout.contains("tool: marketing"), "{whole:?}");
    let unknown = home.run(&["packages", "report", &submission, "astrology"]);
    assert!(unknown.code == 4 && unknown.stderr.contains("tests that ran: "), "{unknown:?}");
    assert!(home.run(&["packages", "show", &submission, "--results"]).stdout.contains("marketing  fail"));

    let ended = home.run(&["wait", &submission, "--until", "recalled", "--flow", "technical", "--timeout", "1s"]);
    assert!(ended.code == 1 && ended.stderr.contains("can no longer become recalled"), "{ended:?}");
    let ended = home.run(&["wait", &submission, "--until", "canceled_by_admin", "--timeout", "1s"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert_eq!(home.run(&["packages", "show", "nowhere"]).code, 4);
    assert_eq!(home.run(&["wait", "nowhere", "--timeout", "5s"]).code, 4);
    assert_eq!(home.run(&["events", "show", "999999"]).code, 4);

    home.write("bad.json", r#"{"item_id": "x", "action": {"technical": "submit"}}"#);
    let refused = home.run(&["packages", "create", "bad.json"]);
    assert_eq!(refused.code, 5, "{refused:?}");
}

#[tokio::test]
async fn without_an_access_key_the_database_alone_is_asked() {
    let world = World::start("plain").await;
    let archive = world.upload("checkout-1.2.0.zip");
    let mut without = Home::new(crate::EQP);
    without.set("EQP_DATABASE_URL", world.database.url());
    let waited = without.json(&["wait", &archive, "--timeout", "30s", "--json"]);
    assert_eq!((&waited["result"], &waited["confirmed"]), (&json!("reached"), &json!(false)));
}
