//! One ID in the log leads from a callback to its delivery, and each request has an ID.

use std::sync::{Arc, Mutex};

use eqp_test_support::callbacks::PATIENCE;
use eqp_test_support::tool::Running;
use eqp_test_support::vendor::{TestVendor, scan};
use eqp_test_support::webhooks::{WebhookReply, webhook_server};
use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"));
}

/// Ends a receiver, and returns the lines of its log and the text.
fn log(serve: Running) -> (Vec<Value>, String) {
    serve.terminate();
    let ended = block_in_place(|| serve.end());
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = ended.stderr.lines().filter(|line| line.starts_with('{'));
    (lines.map(|line| serde_json::from_str(line).unwrap()).collect(), ended.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_search_for_the_id_of_a_callback_finds_its_whole_path() {
    let arrived: Arc<Mutex<Vec<String>>> = Arc::default();
    let received = Arc::clone(&arrived);
    let (address, serving) = webhook_server(move |request| {
        received.lock().unwrap().push(String::from_utf8(request.body).unwrap());
        async { WebhookReply::Status(204) }
    })
    .unwrap();
    tokio::spawn(serving);

    let mut vendor = TestVendor::start(crate::EQP).await;
    let config = vendor.home.write("worker.toml", "[deliver]\nallow_networks = [\"127.0.0.0/8\"]\n");
    vendor.home.set("EQP_CONFIG", config.display().to_string());
    let home = &vendor.home;
    let serve = ["serve", "--role", "accept,project,deliver,console", "--listen", "127.0.0.1:0", "--behind-proxy"];
    let options = ["--operator-listen", "127.0.0.1:0", "--log-format", "json", "--verbose", "--json"];
    let mut serve = home.start(&[&serve[..], &options].concat());
    let begun = block_in_place(|| serve.json_line());
    let (base, operator) = (begun["listening"].as_str().unwrap(), begun["operator"].as_str().unwrap());
    let added =
        home.run_aside(&["callbacks", "add", "--name", "main", "--url", "https://eqp.example.com/callbacks/main"]);
    assert_eq!(added.code, 0, "{added:?}");
    let hook = format!("http://{address}/hook");
    assert_eq!(home.run_aside(&["subscriptions", "add", "ci", "--webhook", &hook]).code, 0);

    let (username, password) = vendor.credential("active").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{base}/callbacks/main");
    let post = |id: &'static str| http.post(&url).header("x-request-id", id).body(scan("7.1.0"));
    let id_of = |response: &reqwest::Response| response.headers()["x-request-id"].to_str().unwrap().to_owned();

    let rejected = post("proxy-1").basic_auth(&username, Some("hush-wrong-password")).send().await.unwrap();
    assert_eq!((rejected.status().as_u16(), id_of(&rejected)), (401, "proxy-1".to_owned()));
    let accepted = post("proxy-2").basic_auth(&username, Some(&password)).send().await.unwrap();
    assert_eq!((accepted.status().as_u16(), id_of(&accepted)), (200, "proxy-2".to_owned()));
    let answer: Value = accepted.json().await.unwrap();
    let callback = answer["id"].as_str().unwrap();
    // Not usable as an ID, so the request gets the ID of its callback.
    let again = post("two words").basic_auth(&username, Some(&password)).send().await.unwrap();
    let (given, answer) = (id_of(&again), again.json::<Value>().await.unwrap());
    assert_eq!(answer["id"], given.as_str());
    until("the webhook", || !arrived.lock().unwrap().is_empty()).await;
    until("the log", || serve.has_logged("attempted delivery")).await;

    let denied = http.get(format!("{operator}/api/v1/events")).header("x-request-id", "ops-7").send().await.unwrap();
    assert_eq!((denied.status().as_u16(), id_of(&denied)), (401, "ops-7".to_owned()));
    let (lines, text) = log(serve);

    let about = |line: &&Value| line["callback_id"] == callback;
    let path: Vec<&str> = lines.iter().filter(about).map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(
        path,
        ["stored callback", "projected callback", "recorded event", "created delivery", "attempted delivery"]
    );
    let stored = lines.iter().find(about).unwrap();
    assert_eq!((&stored["request_id"], &stored["endpoint"]), (&"proxy-2".into(), &"main".into()), "{stored}");
    let sent = lines.iter().rfind(about).unwrap();
    assert_eq!((&sent["subscription"], &sent["result"]), (&"ci".into(), &"delivered".into()), "{sent}");
    assert!(arrived.lock().unwrap()[0].contains(callback), "the message contains the ID too");
    let of_request = |id: &str| lines.iter().find(|line| line["request_id"] == id || line["span"]["request_id"] == id);
    assert_eq!(of_request("proxy-1").unwrap()["message"], "rejected request");
    assert_eq!(of_request("ops-7").unwrap()["message"], "answered operator request");
    for secret in [password.as_str(), "hush-wrong-password", "update_info"] {
        assert!(!text.contains(secret), "{text}");
    }
}
