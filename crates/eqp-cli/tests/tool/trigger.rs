//! Tests `eqp trigger` with a real receiver.

use eqp_store::{Endpoints, MasterKey, NewEndpoint};
use eqp_types::{Environment, MageId, Secret};
use serde_json::{Value, json};

use crate::terminal::Terminal;
use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::TestVendor;

/// A receiver with one endpoint, whose credential is `key` and `secret`.
struct Receiving {
    vendor: TestVendor,
    url: String,
    _serve: eqp_test_support::tool::Running,
}

impl Receiving {
    async fn start() -> Self {
        let vendor = TestVendor::start(crate::EQP).await;
        let (serve, base) = vendor.serve();
        let receiving = Self { url: format!("{base}/callbacks/main"), vendor, _serve: serve };
        receiving.endpoint("main", &receiving.url).await;
        receiving
    }

    async fn endpoint(&self, name: &str, public_url: &str) {
        let key = MasterKey::open(&self.vendor.home.path().join("data/master.key")).unwrap();
        let endpoints = Endpoints::open(self.vendor.database.pool.clone(), key).await.unwrap();
        let mage_id = MageId::new("MAG123456789").unwrap();
        let account = endpoints.ensure_account(Environment::Sandbox, &mage_id).await.unwrap();
        let public_url = public_url.parse().unwrap();
        let new = NewEndpoint::new(account, name, public_url);
        let endpoint = endpoints.create(&new).await.unwrap();
        let username = if name == "main" { "key" } else { name };
        let credential = endpoints.import_credential(endpoint, username, &Secret::new("secret")).await.unwrap();
        endpoints.activate(credential).await.unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.vendor.home.run_aside(arguments)
    }

    /// Runs the command with `--json`, and parses its output.
    fn reported(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Returns every stored body, in order of arrival.
    async fn kept(&self) -> Vec<Vec<u8>> {
        let query = sqlx::query_scalar("select body from eqp.callback order by id");
        query.fetch_all(&self.vendor.database.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_since_a_time_begins_with_what_is_there_already() {
    let receiving = Receiving::start().await;
    receiving.reported(&["trigger", "malware_scan_complete"]);
    let event = tokio::task::block_in_place(|| {
        let mut tail =
            receiving.vendor.home.start(&["events", "tail", "--since", "1h", "--environment", "sandbox", "--json"]);
        tail.json_line()
    });
    assert_eq!(event["resource_id"], json!("2309480238.238475.0"), "{event}");
}

/// On terminals of several widths, and on one that does not report its width.
#[tokio::test(flavor = "multi_thread")]
async fn tables_on_terminals_never_break_a_word() {
    let receiving = Receiving::start().await;
    receiving.reported(&["trigger", "malware_scan_complete"]);
    let fields = ["--submission", "s5w9k703ru", "--flow", "technical", "--status", "in_manual_qa"];
    receiving.reported(&[&["trigger", "eqp_status_update"][..], &fields].concat());
    let code = "x".repeat(250);
    receiving.vendor.home.write("new.json", &format!(r#"{{"callback_event": "{code}", "update_info": {{}}}}"#));
    receiving.reported(&["trigger", "--data", "new.json"]);
    let listed = ["events", "list", "--environment", "sandbox"];
    while receiving.run(&listed).stdout.lines().count() < 4 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for width in [0_usize, 40, 80, 200] {
        let shown = tokio::task::block_in_place(|| {
            Terminal::of_width(width, &receiving.vendor.home, &["events", "list", "--environment", "sandbox"])
                .map(Terminal::end)
        });
        let Some((code, screen)) = shown else { return };
        assert_eq!(code, 0, "{screen}");
        for word in ["2309480238.238475.0", "s5w9k703ru", "technical", "in_manual_qa", "submission", "received"] {
            assert!(screen.contains(word), "{word} at {width}:\n{screen}");
        }
        let usable = if width == 0 { 80 } else { width };
        let widest = screen.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
        assert!(widest <= usable.max(70), "{widest} at {width}:\n{screen}");
        println!("{width} columns:\n{screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_events_reach_the_only_endpoint_with_its_kept_password() {
    let receiving = Receiving::start().await;
    let first = receiving.reported(&["trigger", "malware_scan_complete", "--first-form"]);
    assert_eq!(
        (&first["status"], &first["username"], &first["url"]),
        (&json!(200), &json!("key"), &json!(receiving.url))
    );
    assert!(first["answer"]["id"].is_string() && first["latency_ms"].as_f64().unwrap() > 0.0, "{first}");
    let fields = ["--submission", "s1", "--item-id", "i1", "--flow", "technical", "--status", "rejected"];
    let more = ["--other", "approved", "--modified-at", "2026-01-02 03:04:05", "--to", "main"];
    receiving.reported(&[&["trigger", "eqp_status_update"][..], &fields, &more].concat());
    let kept: Vec<Value> = receiving.kept().await.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
    let scan = json!({"file_upload_id": "2309480238.238475.0", "tool_result": "passed"});
    let status = json!({
        "submission_id": "s1", "item_id": "i1", "eqp_flow": "technical", "current_status": "rejected",
        "eqp_status": {"overall": "in_progress", "technical": "rejected", "marketing": "approved"},
        "modified_at": "2026-01-02 03:04:05",
    });
    assert_eq!(
        kept,
        [
            json!({"callback_event": "malware_scan_complete", "update_info": scan}),
            json!({"callback_event": "eqp_status_update", "update_info": status}),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_ones_own_is_sent_byte_for_byte() {
    let receiving = Receiving::start().await;
    let body = "{\"callback_event\":  \"my_own\",\n \"x\": 1.0}\n";
    receiving.vendor.home.write("callback.json", body);
    assert_eq!(receiving.reported(&["trigger", "--data", "callback.json"])["status"], 200);
    let ended = receiving.vendor.home.run_with_input(&["trigger", "--data", "-"], "not json at all");
    assert_eq!(ended.code, 1, "stored, but answered 400: {ended:?}");
    assert!(ended.stdout.starts_with("400 in ") && ended.stderr.contains("stored the callback"), "{ended:?}");
    let empty = receiving.vendor.home.run_with_input(&["trigger", "--data", "-"], "");
    assert!(empty.code == 1 && empty.stderr.contains("stored the callback"), "{empty:?}");
    assert!(!empty.stderr.contains("may not"), "{empty:?}");
    assert_eq!(receiving.kept().await, [body.as_bytes(), b"not json at all", b""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_called_with_user_and_password_of_ones_own() {
    let mut receiving = Receiving::start().await;
    let url = receiving.url.clone();
    let trigger = ["trigger", "malware_scan_complete", "--to", &url];
    let without = receiving.run(&trigger);
    assert_eq!(without.code, 3, "{without:?}");
    let as_key = [&trigger[..], &["--user", "key"]].concat();
    assert_eq!(receiving.run(&as_key).code, 2, "there is no password");
    receiving.vendor.home.write("password", "secret\n");
    assert_eq!(receiving.run(&[&as_key[..], &["--password-file", "password"]].concat()).code, 0);
    let piped = receiving.vendor.home.run_with_input(&[&as_key[..], &["--password-file", "-"]].concat(), "secret");
    assert_eq!(piped.code, 0, "{piped:?}");
    receiving.vendor.home.set("EQP_CALLBACK_PASSWORD", "hush-wrong");
    let wrong = receiving.run(&as_key);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("hush-wrong"));
    assert_eq!(receiving.kept().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_named_where_there_are_several_and_can_be_called_elsewhere() {
    let receiving = Receiving::start().await;
    receiving.endpoint("second", "https://eqp.example.com/callbacks/second").await;
    let unnamed = receiving.run(&["trigger", "malware_scan_complete"]);
    assert_eq!(unnamed.code, 2, "{unnamed:?}");
    assert!(unnamed.stderr.contains("main, second"), "{}", unnamed.stderr);
    let at = receiving.url.replace("/main", "/second");
    let reported = receiving.reported(&["trigger", "malware_scan_complete", "--to", "second", "--at", &at]);
    assert_eq!((&reported["status"], &reported["username"]), (&json!(200), &json!("second")));
    let unknown = receiving.run(&["trigger", "malware_scan_complete", "--to", "third"]);
    assert_eq!(unknown.code, 4, "{unknown:?}");
}

#[test]
fn an_invalid_trigger_is_refused_with_a_remedy() {
    let home = Home::new(crate::EQP);
    for (arguments, code, word) in [
        (&["trigger"][..], 2, "--data"),
        (&["trigger", "eqp_status_updat", "--to", "https://127.0.0.1:1/"], 2, "`eqp_status_update`"),
        (&["trigger", "eqp_status_update", "--status", "aproved", "--to", "https://127.0.0.1:1/"], 2, "approved"),
        (&["trigger", "eqp_status_update", "--to", "http://eqp.example.com/"], 2, "neither HTTPS"),
        (&["trigger", "eqp_status_update", "--to", "https://me:hush@127.0.0.1:1/"], 2, "user name or password"),
        (&["trigger", "--data", "nowhere.json", "--to", "https://127.0.0.1:1/"], 2, "nowhere.json"),
        (&["trigger", "malware_scan_complete", "--to", "https://127.0.0.1:1/"], 7, "eqp serve"),
        (&["trigger", "malware_scan_complete", "--to", "http://127.0.0.1:1/"], 7, "eqp serve"),
        (&["trigger", "malware_scan_complete", "--to", "main"], 4, "eqp serve"),
    ] {
        let ended = home.run(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(word) && !ended.stderr.contains("hush"), "{arguments:?}: {}", ended.stderr);
    }
    assert!(!home.path().join("data").exists());
}

#[test]
fn the_documented_events_are_listed() {
    let listed = Home::new(crate::EQP).run(&["trigger", "list"]);
    assert_eq!(listed.code, 0);
    insta::assert_snapshot!(listed.stdout, @r"
    malware_scan_complete   the malware scan of a file has ended: --file, --result
    eqp_status_update       the status of a submission has changed: --submission, --item-id, --flow, --status
    ");
}
