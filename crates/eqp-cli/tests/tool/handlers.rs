//! Handlers that are created from the command line, and what a server on this machine receives.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use eqp_store::ResourceKind;
use eqp_store::internal::{Resource, ResourceDetail, resource_detail};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, first_form};
use eqp_test_support::tool::{Home, Running};
use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

const COMMIT: &str = "3f9c2ab0d5b8a7c1e2f3a4b5c6d7e8f901234567";

/// A request that has arrived.
#[derive(Clone, Debug)]
struct Arrived {
    method: String,
    uri: String,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// A server on loopback that answers as GitHub's list of commits does, and otherwise with an empty object.
#[derive(Clone)]
struct Receiver {
    url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&arrived);
        let router = Router::new().fallback(move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
            let (method, uri) = (parts.method.to_string(), parts.uri.to_string());
            recorded.lock().unwrap().push(Arrived { method, uri: uri.clone(), headers: parts.headers, body });
            if uri.contains("/commits?") { format!(r#"[{{"sha": "{COMMIT}"}}]"#) } else { "{}".to_owned() }
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, arrived }
    }

    async fn until(&self, count: usize) -> Vec<Arrived> {
        let waiting = async {
            while self.arrived.lock().unwrap().len() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{count} requests: {:?}", self.arrived));
        self.arrived.lock().unwrap().clone()
    }
}

/// A home whose worker may reach this machine, and whose worker runs.
fn start(database: &CallbackDatabase) -> (Home, Running) {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    let config = "[deliver]\nallow_networks = [\"127.0.0.0/8\"]\n\n[products.\"acme/checkout\"]\n\
        repository = \"https://me:hush-password@127.0.0.1/acme/checkout\"\ntag = \"v{version}\"\n";
    let config = home.write("worker.toml", config);
    home.set("EQP_CONFIG", config.display().to_string());
    let mut serve = home.start(&["serve", "--role", "project,deliver", "--operator-listen", "127.0.0.1:0", "--json"]);
    block_in_place(|| serve.json_line());
    (home, serve)
}

fn secret(home: &Home, name: &str, text: &str) -> String {
    let path = home.write(name, text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn stop(serve: Running) {
    serve.terminate();
    let ended = block_in_place(|| serve.end());
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_sets_the_status_of_the_tagged_commit() {
    let (database, github) = (CallbackDatabase::new().await, Receiver::start().await);
    let (home, serve) = start(&database);
    let resource = Resource { account_id: database.account.0, kind: ResourceKind::Submission, id: "s1".to_owned() };
    let (sku, version) = (Some("acme/checkout".to_owned()), Some("1.5.0".to_owned()));
    let detail = ResourceDetail { sku, version, ..ResourceDetail::default() };
    resource_detail::store(&database.pool, &[(resource, detail)]).await.unwrap();

    let token = secret(&home, "token", "ghp_hush_1234");
    let (api, token) = (format!("api={}/api/v3", github.url), format!("token={token}"));
    let add = ["subscriptions", "add", "status", "--recipe", "github-status", "--set", &api, "--secret", &token];
    let planned = home.run_aside(&[&add[..], &["--dry-run"]].concat());
    assert_eq!((planned.code, planned.stdout.as_str()), (0, "would create the subscription status\n"), "{planned:?}");
    let added = home.run_aside(&add);
    assert_eq!((added.code, added.stdout.as_str()), (0, "created the subscription status\n"), "{added:?}");
    let shown = home.run_aside(&["subscriptions", "show", "status", "--json"]);
    assert!(!shown.stdout.contains("hush") && shown.stdout.contains("{{ secrets.token }}"), "{shown:?}");

    database.callback(first_form("s1", "technical", "approved")).await;
    let arrived = github.until(2).await;
    let calls: Vec<_> = arrived.iter().map(|one| format!("{} {}", one.method, one.uri)).collect();
    assert_eq!(
        calls,
        [
            "GET /api/v3/repos/acme/checkout/commits?sha=v1.5.0&per_page=1".to_owned(),
            format!("POST /api/v3/repos/acme/checkout/statuses/{COMMIT}"),
        ]
    );
    for one in &arrived {
        assert_eq!(one.header("authorization"), "Bearer ghp_hush_1234");
    }
    let status: Value = serde_json::from_slice(&arrived[1].body).unwrap();
    assert_eq!((&status["state"], &status["context"]), (&"success".into(), &"eqp/technical".into()), "{status}");
    assert!(!format!("{arrived:?}").contains("hush-password"), "the password of the repository's URL is not sent");
    stop(serve);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_has_the_options_of_the_command_line_and_its_secret_is_rotated() {
    let (database, receiver) = (CallbackDatabase::new().await, Receiver::start().await);
    let (home, serve) = start(&database);
    let hook = format!("{}/hook", receiver.url);
    let (secret_file, token) = (secret(&home, "secret", "a shared secret"), secret(&home, "token", "hush-1234"));
    let token = format!("token={token}");
    let body = home.write("body.jinja", r#"{"text": {{ data.text }}}"#).display().to_string();
    let added = home.run_aside(&[
        "subscriptions",
        "add",
        "php",
        "--webhook",
        &hook,
        "--secret-file",
        &secret_file,
        "--hmac-header",
        "X-Hub-Signature-256",
        "--hmac-prefix",
        "sha256=",
        "--header",
        "authorization=Token {{ secrets.token }}",
        "--secret",
        &token,
        "--body-template",
        &body,
    ]);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(home.run_aside(&["subscriptions", "test", "php"]).code, 0);
    let arrived = receiver.until(1).await.remove(0);
    assert_eq!(arrived.header("authorization"), "Token hush-1234");
    let signature = arrived.header("x-hub-signature-256");
    assert!(signature.strip_prefix("sha256=").is_some_and(|digits| digits.len() == 64), "{signature}");
    assert_eq!(arrived.body, br#"{"text": "This is a test. Nothing has happened."}"#);

    let created = home.json(&["subscriptions", "add", "shop", "--webhook", &hook, "--generate-secret", "--json"]);
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"), "{created}");
    let mut count = 1;
    let mut signatures = async || {
        assert_eq!(home.run_aside(&["subscriptions", "test", "shop"]).code, 0);
        count += 1;
        receiver.until(count).await[count - 1].header("webhook-signature").split(' ').map(str::to_owned).collect()
    };
    let before: Vec<String> = signatures().await;
    assert_eq!(before.len(), 1);
    let short = secret(&home, "short", "whsec_c2hvcnQ=");
    let refused = home.run_aside(&["subscriptions", "rotate-secret", "shop", "--secret-file", &short, "--dry-run"]);
    assert!(refused.code == 2 && refused.stderr.contains("the signing secret cannot be used"), "{refused:?}");
    let rotated = home.json(&["subscriptions", "rotate-secret", "shop", "--json"]);
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != created["secret"]);
    let during: Vec<String> = signatures().await;
    assert_eq!(during.len(), 2, "both secrets: {during:?}");
    let retired = home.run_aside(&["subscriptions", "rotate-secret", "shop", "--retire", "--yes"]);
    assert_eq!(retired.stdout, "retired the old signing secrets of the subscription shop\n", "{retired:?}");
    let after: Vec<String> = signatures().await;
    assert_eq!(after.len(), 1);
    let again = home.run_aside(&["subscriptions", "rotate-secret", "shop", "--retire", "--yes"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, "the subscription shop has no old signing secrets\n"));
    let log = home.json(&["audit", "list", "--json"]);
    let actions: Vec<_> =
        log["entries"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions.iter().filter(|action| action.ends_with("_secret") || action.ends_with("_secrets")).count(), 2);
    stop(serve);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_no_worker_could_use_is_rejected_before_it_is_created() {
    const URL: &str = "https://hooks.example.com/eqp";
    let database = CallbackDatabase::new().await;
    let (home, serve) = start(&database);
    let token = format!("token={}", secret(&home, "token", "hush-1234"));
    let slack = secret(&home, "slack", "xoxb-hush-1234");
    let plain = secret(&home, "plain", "https://10.1.2.3/services/hush");
    let open = home.write("open", "hush-1234").display().to_string();
    std::fs::set_permissions(Path::new(&open), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = format!("token={open}");
    let template = home.write("template", "{{ data.skuu }}").display().to_string();
    for (arguments, reason) in [
        (&["--webhook", "https://10.1.2.3/eqp"][..], "10.1.2.3"),
        (&["--webhook", "http://hooks.example.com:80:80/"], "cannot be used"),
        (&["--webhook", "https://user:hush@hooks.example.com/"], "must not contain credentials"),
        (&["--webhook", "https://hooks.example.com/{{ data.skuu }}"], "data.skuu"),
        (&["--webhook", URL, "--header", "x={{ secrets.token }}"], "the secret `token` is not stored"),
        (&["--webhook", URL, "--header", "authorization=Bearer hush"], "must contain a stored secret"),
        (&["--webhook", URL, "--body-template", &template], "data.skuu"),
        (&["--webhook", URL, "--hmac-header", "x-signature"], "the signature needs a secret"),
        (&["--webhook", URL, "--secret", &open], "0600"),
        (&["--exec", "deploy", "--generate-secret"], "--generate-secret"),
        (&["--exec", "deploy", "--secret", &token], "--secret"),
        (&["--recipe", "github-status", "--hmac-header", "x"], "--hmac-header"),
        (&["--recipe", "github-statu"], "there is no recipe"),
        (&["--recipe", "github-status"], "needs a secret"),
        (&["--recipe", "github-dispatch", "--secret", &token], "`repository` is missing"),
        (&["--recipe", "gitlab-trigger", "--set", "projekt=1", "--secret", &token], "`projekt` is not a parameter"),
        (&["--slack-channel", "C024BE91L"], "--slack-token-file"),
        (&["--slack-channel", "#releases", "--slack-token-file", &slack], "is not the ID of a Slack channel"),
        (&["--slack-webhook-file", &plain], "https://10.1.2.3 cannot be used"),
        (&["--discord-webhook-file", &plain], "the Discord webhook cannot be used"),
        (&["--teams-webhook-file", &plain], "https://10.1.2.3 cannot be used"),
        (&["--email", "ann"], "`ann` cannot be a recipient"),
        (&["--email", "ann@example.com", "--secret", &token], "--secret"),
        (&["--email", "ann@example.com", "--digest", "daily"], "weekly"),
        (&["--email", "ann@example.com", "--digest", "weekly", "--flow", "overall"], "cannot be used with"),
        (&["--webhook", URL, "--exec", "deploy"], "cannot be used with"),
        (&[], "required"),
    ] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let refused = home.run_aside(&[&["subscriptions", "add", "new"], arguments, dry_run].concat());
            assert_eq!(refused.code, 2, "{arguments:?}: {refused:?}");
            assert!(refused.stderr.contains(reason), "{arguments:?}: {refused:?}");
            assert!(!refused.stderr.contains("hush-1234"), "{refused:?}");
        }
    }
    // Another machine can run the program.
    let added = home.run_aside(&["subscriptions", "add", "deploy", "--exec", "deploy"]);
    assert!(
        added.code == 0 && added.stderr.contains("warning: ") && added.stderr.contains("[exec.deploy]"),
        "{added:?}"
    );
    let added =
        home.run_aside(&["subscriptions", "add", "team", "--slack-channel", "C024BE91L", "--slack-token-file", &slack]);
    assert_eq!(added.code, 0, "{added:?}");
    let mails = ["--email", "ann@example.com,bob@example.com", "--digest", "weekly"];
    let added = home.run_aside(&[&["subscriptions", "add", "mails"], &mails[..]].concat());
    assert!(added.code == 0 && added.stderr.contains("warning: ") && added.stderr.contains("([mail])"), "{added:?}");
    let shown = home.run_aside(&["subscriptions", "show", "mails"]).stdout;
    assert!(shown.contains("mail to ann@example.com, bob@example.com") && shown.contains("digest: weekly"), "{shown}");
    let listed = home.run_aside(&["subscriptions", "list"]);
    assert!(listed.stdout.contains("Slack channel C024BE91L") && !listed.stdout.contains("new"), "{listed:?}");
    let unsigned = home.run_aside(&["subscriptions", "rotate-secret", "team"]);
    assert!(unsigned.code == 2 && unsigned.stderr.contains("not signed"), "{unsigned:?}");
    stop(serve);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_of_a_chat_is_used_and_never_shown() {
    let (database, receiver) = (CallbackDatabase::new().await, Receiver::start().await);
    let (home, serve) = start(&database);
    let path = "/workflows/hush/invoke?sig=hush-signature-0123456789";
    let teams = secret(&home, "teams", &format!("{}{path}", receiver.url));
    let discord = secret(&home, "discord", "https://discord.com/api/webhooks/12/hush");
    for (name, option, file) in [("teams", "--teams-webhook-file", &teams), ("discord", "--discord", &discord)] {
        let added = home.run_aside(&["subscriptions", "add", name, option, file]);
        assert_eq!((added.code, added.stderr.as_str()), (0, ""), "{added:?}");
    }
    assert_eq!(home.run_aside(&["subscriptions", "test", "teams"]).code, 0);
    let arrived = receiver.until(1).await.remove(0);
    assert_eq!(arrived.uri, path);
    let message: Value = serde_json::from_slice(&arrived.body).unwrap();
    assert_eq!(message["attachments"][0]["content"]["type"], "AdaptiveCard");
    for arguments in [&["list"][..], &["show", "teams", "--json"]] {
        let shown = home.run_aside(&[&["subscriptions"], arguments].concat());
        let is_named = shown.stdout.contains("webhook") || shown.stdout.contains("\"teams\"");
        assert!(is_named && !shown.stdout.contains("hush"), "{shown:?}");
    }
    stop(serve);
}
