//! Tests that text from the Marketplace and from archives can neither control a terminal nor be interpreted as a
//! command by a CI service. A proxy between simulator and tool adds such text to every response.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use eqp_test_support::submission::Submission;
use eqp_tls::LocalCa;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::TestVendor;

/// Escape sequences of 7 and 8 bits, a bell, a change of text direction, all kinds of line ends, and commands of CI
/// services.
const HOSTILE: &str = "evil\u{1b}]0;pwned\u{7}\u{1b}[31m\u{9b}2J\u{202e}txt\r\n::error::pwned\n  ::add-mask::pwned\n##[error]pwned\u{2028}\u{85}##vso[task.x]pwned";
/// The field names of IDs and times, which cannot be parsed with additional text.
const KEPT: [&str; 10] = [
    "ust",
    "mage_id",
    "submission_id",
    "file_upload_id",
    "item_id",
    "tool_run_id",
    "sku",
    "created_at",
    "modified_at",
    "date",
];

/// The change of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// Appends the text to every string, except where the response could not be parsed then.
    Texts = 0,
    /// Appends the text to every string, including statuses and names of tools.
    All = 1,
    /// An error with a message.
    Refusal = 2,
    /// A page as a firewall might return it.
    Page = 3,
    /// Inverts whether a key is enabled.
    KeysOpposite = 4,
    /// Removes whether a key is enabled.
    KeysSilent = 5,
}

const HOSTILE_REWRITES: [Rewrite; 4] = [Rewrite::Texts, Rewrite::All, Rewrite::Refusal, Rewrite::Page];
const REWRITES: [Rewrite; 6] =
    [Rewrite::Texts, Rewrite::All, Rewrite::Refusal, Rewrite::Page, Rewrite::KeysOpposite, Rewrite::KeysSilent];

/// Runs a proxy between the tool and the simulator.
pub(crate) struct Rewriter {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    rewrite: Arc<AtomicU8>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Rewriter {
    pub(crate) fn start(upstream: &str, upstream_ca: &str) -> Self {
        let ca = LocalCa::ephemeral().unwrap();
        let mut config = ServerConfig::clone(&*ca.issue(&["localhost".to_owned()]).unwrap().server_config().unwrap());
        config.alpn_protocols.clear();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (rewrite, seen) = (Arc::new(AtomicU8::new(0)), Arc::new(Mutex::new(Vec::new())));
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(upstream_ca.as_bytes()).unwrap()])
            .no_proxy()
            .build()
            .unwrap();
        let (upstream, runtime) = (upstream.to_owned(), tokio::runtime::Handle::current());
        let (to, noted) = (Arc::clone(&rewrite), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, client, upstream) = (Arc::clone(&config), client.clone(), upstream.clone());
                let (runtime, to, noted) = (runtime.clone(), Arc::clone(&to), Arc::clone(&noted));
                std::thread::spawn(move || {
                    let rewrite = REWRITES[usize::from(to.load(Ordering::SeqCst))];
                    // A client that disconnects does not get a response.
                    let _ = answer(stream, config, &client, &upstream, &runtime, rewrite, &noted);
                });
            }
        });
        Self { url, ca_pem: ca.certificate_pem().to_owned(), rewrite, seen }
    }

    pub(crate) fn set(&self, rewrite: Rewrite) {
        self.rewrite.store(rewrite as u8, Ordering::SeqCst);
    }
}

fn answer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    client: &reqwest::Client,
    upstream: &str,
    runtime: &tokio::runtime::Handle,
    rewrite: Rewrite,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? <= 2 {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let mut first = head.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    seen.lock().unwrap().push(format!("{method} {path}"));
    let mut request =
        client.request(method.parse().map_err(std::io::Error::other)?, format!("{upstream}{path}")).body(body);
    for name in ["authorization", "content-type", "accept"] {
        if let Some(value) = header(name) {
            request = request.header(name, value);
        }
    }
    let (status, total, reported) = runtime.block_on(async {
        let answer = request.send().await.map_err(std::io::Error::other)?;
        let total = answer.headers().get("x-total-count").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = answer.status().as_u16();
        Ok::<_, std::io::Error>((status, total, answer.bytes().await.map_err(std::io::Error::other)?))
    })?;
    let is_token = path.ends_with("/session/token");
    let (status, kind, reported) = match (rewrite, serde_json::from_slice::<Value>(&reported)) {
        (Rewrite::Refusal, _) if !is_token => {
            (400, "application/json", json!({"code": 1208, "message": HOSTILE}).to_string())
        }
        (Rewrite::Page, _) if !is_token => (403, "text/html", format!("<html><body>{HOSTILE}</body></html>")),
        (_, Ok(mut value)) => {
            match rewrite {
                _ if is_token => {}
                Rewrite::KeysOpposite => of_keys(&mut value, &|is_enabled| Some(!is_enabled)),
                Rewrite::KeysSilent => of_keys(&mut value, &|_| None),
                _ => add(&mut value, "", rewrite == Rewrite::All),
            }
            (status, "application/json", value.to_string())
        }
        (_, Err(_)) => (status, "application/json", String::from_utf8_lossy(&reported).into_owned()),
    };
    let total = total.map(|total| format!("x-total-count: {total}\r\n")).unwrap_or_default();
    let length = reported.len();
    write!(
        stream.get_mut(),
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\n{total}content-length: {length}\r\nconnection: close\r\n\r\n{reported}"
    )?;
    stream.get_mut().flush()?;
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush()
}

fn add(value: &mut Value, name: &str, to_states: bool) {
    match value {
        Value::String(text) if !KEPT.contains(&name) && (to_states || !is_state(name)) => text.push_str(HOSTILE),
        Value::Array(items) => items.iter_mut().for_each(|item| add(item, name, to_states)),
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                add(field, if name == "eqp_status" { name } else { key }, to_states);
            }
        }
        _ => {}
    }
}

/// Replaces whether each key is enabled in a response.
fn of_keys(value: &mut Value, instead: &dyn Fn(bool) -> Option<bool>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| of_keys(item, instead)),
        Value::Object(fields) => {
            if let Some(is_enabled) = fields.get("is_enabled").and_then(Value::as_bool) {
                fields.remove("is_enabled");
                fields.extend(instead(is_enabled).map(|instead| ("is_enabled".to_owned(), json!(instead))));
            }
            fields.values_mut().for_each(|field| of_keys(field, instead));
        }
        _ => {}
    }
}

fn is_state(name: &str) -> bool {
    ["eqp_status", "status", "malware_status", "name"].contains(&name) && name != "name"
}

/// Checks that no output contains the text unescaped.
fn look_at(ended: &Ended, of: &[&str]) {
    for (stream, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        let raw = text.chars().find(|letter| {
            (letter.is_control() && !matches!(letter, '\n' | '\t'))
                || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(raw, None, "{of:?}: {stream}: {text:?}");
        for line in text.lines() {
            let line = line.trim_start();
            let is_ours = of.contains(&"github") && (line.starts_with("::error ") || line.starts_with("::warning "));
            assert!(is_ours || !line.starts_with("::"), "{of:?}: {stream}: {text}");
            // A line end in a value is escaped and does not end the line.
            let is_theirs = line.starts_with("\\u{3a}:") || line.starts_with("\\u{23}#[");
            assert!(!is_theirs, "{of:?}: {stream}: {text}");
        }
        assert!(!text.contains("##[") && !text.contains("##vso["), "{of:?}: {stream}: {text}");
    }
    if of.contains(&"--json") && !ended.stdout.is_empty() {
        for line in ended.stdout.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{of:?}: {error}: {line}"));
        }
    }
}

fn sweep(home: &Home, commands: &[&[&str]]) -> usize {
    let mut shown = 0;
    for command in commands {
        for form in [&[][..], &["--json"], &["-vv"]] {
            let arguments = [*command, form].concat();
            let ended = home.run_aside(&arguments);
            look_at(&ended, &arguments);
            shown += usize::from(ended.stdout.contains("pwned") || ended.stderr.contains("pwned"));
        }
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_marketplace_says_steers_a_terminal_or_a_ci_service() {
    let mut vendor = TestVendor::at_speed(crate::EQP, 100_000.0).await;
    vendor.register_theirs("https://theirs.example/callback", "theirs", "secret").await;
    let id = create(&vendor);
    let rewriter = Rewriter::start(vendor.simulator.base_url(), vendor.simulator.ca_pem());
    vendor.home.set("EQP_API_URL", rewriter.url.as_str());
    vendor.home.set("EQP_CA_FILE", vendor.home.write("rewriter.pem", &rewriter.ca_pem).display().to_string());
    let commands: [&[&str]; 17] = [
        &["whoami"],
        &["packages", "list"],
        &["packages", "show", &id],
        &["packages", "report", &id],
        &["packages", "report", &id, "phpcs"],
        &["files", "list"],
        &["files", "show", "1"],
        &["keys", "list"],
        &["callbacks", "list"],
        &["callbacks", "plan"],
        &["callbacks", "add", "--name", "ours", "--url", "https://ours.example/x", "--dry-run"],
        &["reports", "sales"],
        &["reports", "pageviews"],
        &["packages", "recall", "--submission", &id, "--dry-run"],
        &["wait", &id, "--until", "canceled_by_admin", "--timeout", "1s"],
        &["doctor"],
        &[
            "release",
            "submission.zip",
            "--manifest",
            "package.json",
            "--allow-not-run",
            "code-sniffer",
            "--timeout",
            "2s",
        ],
    ];
    for rewrite in HOSTILE_REWRITES {
        rewriter.set(rewrite);
        let shown = sweep(&vendor.home, &commands);
        assert!(shown > 4, "{rewrite:?}: what was fed is hardly shown ({shown})");
    }
    let seen = rewriter.seen.lock().unwrap();
    for path in ["/users/", "/products/packages", "/files/uploads", "/keys", "/status"] {
        assert!(seen.iter().any(|request| request.contains(path)), "{path}: {seen:?}");
    }
}

/// Creates a package with test results, and returns its ID.
fn create(vendor: &TestVendor) -> String {
    let submission = Submission::module();
    submission.write(vendor.home.path()).unwrap();
    let mut listing = submission.listing(vendor.home.path()).unwrap();
    listing["action"] = json!({"technical": "submit", "marketing": "submit"});
    listing["artifact"] = json!({"file": "submission.zip"});
    vendor.home.write("package.json", &listing.to_string());
    let created = vendor.home.run_aside(&["packages", "create", "package.json", "--json"]);
    assert_eq!(created.code, 0, "{created:?}");
    let created: Value = serde_json::from_str(&created.stdout).unwrap();
    let id = created["packages"][0]["submission_id"].as_str().unwrap().to_owned();
    // Results exist when the reviews have ended, regardless of their result.
    vendor.home.run_aside(&["wait", &id, "--timeout", "50s"]);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_callback_says_steers_a_terminal_or_a_ci_service() {
    let vendor = TestVendor::start(crate::EQP).await;
    let (serve, url) = vendor.serve();
    let url = format!("{url}/callbacks");
    let added = vendor.home.run_aside(&["callbacks", "add", "--name", "ours", "--url", &url]);
    assert_eq!(added.code, 0, "{added:?}");
    for body in [
        json!({"callback_event": "eqp_status_update", "update_info": {"submission_id": "s1\u{202e}x", "item_id": format!("i{HOSTILE}"),
            "eqp_flow": "technical", "current_status": format!("rejected{HOSTILE}"), "modified_at": "2026-01-02 03:04:05"}}),
        json!({"callback_event": format!("news{HOSTILE}"), "update_info": {"what": HOSTILE}}),
        json!({"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": "f.1", "tool_result": HOSTILE}}),
        json!(HOSTILE),
    ] {
        let statuses = vendor.send("eqp_status_update", body.to_string()).await;
        assert_eq!(statuses, [200]);
    }
    let begun = std::time::Instant::now();
    while vendor.home.run_aside(&["events", "list", "--json"]).stdout.matches("\"seq\"").count() < 4 {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "the callbacks are not projected");
        tokio::task::yield_now().await;
    }
    let events: Vec<String> = (1..=4).map(|seq| seq.to_string()).collect();
    let mut commands: Vec<&[&str]> =
        vec![&["events", "list"], &["submissions", "list"], &["submissions", "show", "s1\u{202e}x"]];
    let shown: Vec<[&str; 3]> = events.iter().map(|seq| ["events", "show", seq.as_str()]).collect();
    commands.extend(shown.iter().map(<[&str; 3]>::as_slice));
    sweep(&vendor.home, &commands);
    drop(serve);
}

#[test]
fn an_argument_that_is_refused_is_shown_in_a_visible_form() {
    let home = Home::new(crate::EQP);
    for arguments in
        [&["wait", HOSTILE][..], &["packages", "report", "s1", HOSTILE, HOSTILE], &["packages", "check", HOSTILE]]
    {
        let ended = home.run(arguments);
        assert_ne!(ended.code, 0, "{ended:?}");
        look_at(&ended, &["show"]);
    }
}

#[test]
fn nothing_that_an_archive_says_steers_a_terminal_or_a_ci_service() {
    let home = Home::new(crate::EQP);
    let hostile = HOSTILE.replace('/', "");
    let module = Submission::module()
        .composer(|composer| {
            composer["name"] = format!("acme/{HOSTILE}").into();
            composer["version"] = HOSTILE.into();
            composer["type"] = json!(format!("magento2-module{HOSTILE}"));
            composer["description"] = HOSTILE.into();
            composer["require"][HOSTILE] = json!(format!("1 as {HOSTILE}"));
        })
        .file(&format!("Model/{hostile}.php"), format!("<?php\n// TODO {HOSTILE}\n"))
        .file(&format!("{hostile}/.git/x"), "x")
        .file(&format!("{hostile}.sql"), "x");
    let theme = Submission::theme().file("theme.xml", format!("<theme><{HOSTILE}></theme>"));
    for (name, bytes) in [
        ("module.zip", module.bytes()),
        ("theme.zip", theme.bytes()),
        ("text.zip", HOSTILE.as_bytes().to_vec()),
        ("late.zip", [HOSTILE.as_bytes(), &module.bytes()].concat()),
    ] {
        std::fs::write(home.path().join(name), bytes).unwrap();
        for form in ["table", "json", "sarif", "junit", "github"] {
            let arguments = ["packages", "check", name, "--skip-programs", "--format", form];
            look_at(&home.run(&arguments), &arguments);
        }
        for arguments in [
            &["packages", "init", name, "--output", "-"][..],
            &["packages", "check", name, "--skip-programs", "--strict"],
            &["packages", "check", name, "--skip-programs", "--json"],
        ] {
            look_at(&home.run(arguments), arguments);
        }
    }
}
