//! `eqp listen` shows events once, and forwards them to programs and URLs of this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use eqp_test_support::tool::{Home, Running};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::terminal::Terminal;

/// A database, a server that delivers its events, and a home for each way to reach them.
struct Setup {
    database: CallbackDatabase,
    in_process: Home,
    remote: Home,
    address: String,
    serve: Option<Running>,
}

fn aside<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

impl Setup {
    async fn start() -> Self {
        let database = CallbackDatabase::new().await;
        let mut in_process = Home::new(crate::EQP);
        in_process.set("EQP_DATABASE_URL", database.database.url());
        // The same address after a restart.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut remote = Home::new(crate::EQP);
        remote.set("EQP_SERVER_URL", format!("http://{address}"));
        let mut setup = Self { database, in_process, remote, address, serve: None };
        setup.serve();
        let created = aside(|| setup.in_process.json(&["token", "create", "consumer", "--scope", "consume", "--json"]));
        setup.remote.set("EQP_TOKEN", created["secret"].as_str().unwrap());
        setup
    }

    fn serve(&mut self) {
        let roles = ["serve", "--role", "project,deliver,console", "--operator-listen", &self.address, "--json"];
        let mut serve = self.in_process.start(&roles);
        aside(|| serve.json_line());
        self.serve = Some(serve);
    }

    /// Starts a listener and waits until it is connected.
    async fn listen(&self, home: &Home, arguments: &[&str]) -> Running {
        let running = home.start(&[&["listen"], arguments].concat());
        let connected = async {
            while !running.has_logged("waiting for events") {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, connected).await.expect("connects in time");
        running
    }

    async fn files(&self, names: impl Iterator<Item = String>) {
        let bodies: Vec<String> = names.map(|name| scan(&name, "passed")).collect();
        self.database.callbacks(&bodies).await;
    }

    async fn until(&self, sql: &'static str, expected: i64) {
        let waiting = async {
            while sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.database.pool).await.unwrap() != expected {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {sql} to be {expected}"));
    }
}

/// Returns the files in the next lines.
fn files(listener: &mut Running, count: usize) -> Vec<String> {
    let file = |line: Value| line["message"]["data"]["resource_id"].as_str().unwrap().to_owned();
    aside(|| (0..count).map(|_| file(listener.json_line())).collect())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_arrived_without_a_listener_are_shown_once_when_it_is_started_again() {
    let setup = Setup::start().await;
    for (home, prefix) in [(&setup.in_process, "a"), (&setup.remote, "b")] {
        let arguments = ["--name", prefix, "--json"];
        let listener = setup.listen(home, &arguments).await;
        listener.terminate();
        let ended = aside(|| listener.end());
        assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");

        let names: Vec<_> = (10..30).map(|number| format!("{prefix}{number}")).collect();
        setup.files(names.iter().cloned()).await;
        let waiting = "select count(*) from eqp.delivery
                       where subscription_id = (select max(id) from eqp.subscription)";
        setup.until(waiting, 20).await;
        let mut listener = setup.listen(home, &arguments).await;
        assert_eq!(sorted(files(&mut listener, 20)), names);
        setup.files([format!("{prefix}99")].into_iter()).await;
        assert_eq!(files(&mut listener, 1), [format!("{prefix}99")], "nothing is shown twice");
        listener.signal("INT");
        let ended = aside(|| listener.end());
        assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
        assert!(ended.stderr.contains("20 messages waiting"), "{ended:?}");
    }
    let listed = aside(|| setup.in_process.json(&["subscriptions", "show", "listen/b", "--json"]));
    assert_eq!((&listed["is_temporary"], &listed["waiting"]), (&true.into(), &0.into()), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_with_one_name_share_the_events_and_another_name_receives_all() {
    let setup = Setup::start().await;
    let mut alone = setup.listen(&setup.remote, &["--json"]).await;
    let shared = [
        setup.listen(&setup.remote, &["--name", "shared"]).await,
        setup.listen(&setup.in_process, &["--name", "shared"]).await,
    ];
    let names: Vec<_> = (10..40).map(|number| format!("f{number}")).collect();
    setup.files(names.iter().cloned()).await;
    assert_eq!(sorted(files(&mut alone, 30)), names);
    setup.until("select count(*) from eqp.delivery", 0).await;
    let ends = shared.map(|listener| {
        listener.terminate();
        aside(|| listener.end())
    });
    let lines: Vec<_> = ends.iter().flat_map(|ended| ended.stdout.lines()).collect();
    for name in &names {
        assert_eq!(
            lines.iter().filter(|line| line.contains(&format!("file {name}  "))).count(),
            1,
            "{name}: {lines:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_continues_after_its_server_was_restarted() {
    let mut setup = Setup::start().await;
    let mut listener = setup.listen(&setup.remote, &["--json"]).await;
    let serve = setup.serve.take().unwrap();
    serve.terminate();
    assert_eq!(aside(|| serve.end()).code, 0);
    let lost = async {
        while !listener.has_logged("connection lost, reconnecting") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, lost).await.expect("the loss is reported");
    setup.serve();
    setup.files(["after".to_owned()].into_iter()).await;
    assert_eq!(files(&mut listener, 1), ["after"]);
    assert!(listener.has_logged("connected again"));
}

/// A server that records requests, and answers each with the next status.
struct Target {
    address: SocketAddr,
    requests: mpsc::Receiver<(String, Vec<u8>)>,
}

impl Target {
    fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for (socket, status) in listener.incoming().zip(statuses.iter().chain(std::iter::repeat(&200))) {
                let mut socket = BufReader::new(socket.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && socket.read_line(&mut head).unwrap() > 0 {}
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.unwrap().parse().unwrap()];
                socket.read_exact(&mut body).unwrap();
                let response = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
                socket.get_mut().write_all(response.as_bytes()).unwrap();
                if sender.send((head, body)).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    fn request(&self) -> (String, Vec<u8>) {
        aside(|| self.requests.recv_timeout(PATIENCE).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_forwarded_to_a_url_and_again_after_a_failure() {
    let setup = Setup::start().await;
    let target = Target::start(&[500]);
    let secret = setup.remote.write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let (url, secret) = (target.url(), secret.display().to_string());
    let mut listener = setup.listen(&setup.remote, &["--forward-to", &url, "--secret-file", &secret, "--json"]).await;
    setup.files(["a".to_owned()].into_iter()).await;
    let (failed, shown) = (target.request(), aside(|| listener.json_line()));
    assert_eq!(shown["handler"]["result"], "failed", "{shown}");
    assert_eq!((&shown["handler"]["status"], &shown["handler"]["retry_in"]), (&500.into(), &5.into()), "{shown}");
    sqlx::raw_sql("update eqp.delivery set retry_at = now(); update eqp.delivery_lane set due_at = now()")
        .execute(&setup.database.pool)
        .await
        .unwrap();
    let (delivered, shown) = (target.request(), aside(|| listener.json_line()));
    assert_eq!((&shown["handler"]["result"], &shown["attempt"]), (&"delivered".into(), &2.into()), "{shown}");
    for (head, body) in [failed, delivered] {
        assert!(head.starts_with("POST /hook?x=1 HTTP/1.1"), "{head}");
        assert!(head.contains(&format!("webhook-id: {}", shown["id"].as_str().unwrap())), "{head}");
        assert!(head.contains("webhook-signature: v1,"), "{head}");
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["data"]["resource_id"], "a");
    }
    setup.until("select count(*) from eqp.delivery", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_forwarded_once_as_the_marketplace_sent_it() {
    let setup = Setup::start().await;
    let target = Target::start(&[]);
    let password = setup.remote.write("password", "hush");
    let (url, password) = (target.url(), password.display().to_string());
    let arguments = ["--forward-to", &url, "--raw", "--raw-user", "main", "--raw-password-file", &password, "--json"];
    let mut listener = setup.listen(&setup.remote, &arguments).await;
    // One callback that reports three events.
    let body = eqp_test_support::callbacks::later_form("s1", "technical", ["in_progress", "approved", "rejected"], 1);
    setup.database.callback(&body).await;
    let (head, sent) = target.request();
    assert_eq!(sent, body.as_bytes());
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert!(head.contains(&format!("authorization: Basic {}", STANDARD.encode("main:hush"))), "{head}");
    let events = setup.database.events().await.len();
    assert!(events > 1, "{events}");
    let results: Vec<_> = (0..events).map(|_| aside(|| listener.json_line())["handler"]["result"].clone()).collect();
    assert_eq!(results.iter().filter(|result| **result == "delivered").count(), 1, "{results:?}");
    assert_eq!(results.iter().filter(|result| **result == "skipped").count(), events - 1, "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_receives_the_message_and_shows_its_output() {
    let setup = Setup::start().await;
    let script =
        setup.remote.write("note.sh", "#!/bin/sh\ntest -z \"$EQP_TOKEN\" && cat && echo of $EQP_MESSAGE_TYPE\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut listener = setup.listen(&setup.remote, &["--status", "passed", "--", "./note.sh"]).await;
    setup.files(["a".to_owned()].into_iter()).await;
    let lines: Vec<_> = aside(|| (0..3).map(|_| listener.line()).collect());
    assert!(lines[0].contains("\"resource_id\":\"a\""), "{lines:?}");
    assert_eq!(lines[1], "of file.scan_finished\n");
    assert!(lines[2].contains("file a") && lines[2].contains("delivered (0) in"), "{lines:?}");
    listener.terminate();
    assert_eq!(aside(|| listener.end()).code, 0);

    let other = setup.remote.run_aside(&["listen", "--status", "failed"]);
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.stderr.contains("exists with another filter") && other.stderr.contains("--name"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_program_receives_the_messages_of_a_replay() {
    let setup = Setup::start().await;
    setup.in_process.configure("[exec.note]\ncommand = [\"/bin/sh\", \"-c\", \"cat >/dev/null; exit 0\"]\n");
    let arguments = ["--name", "ci", "--exec", "note", "--json"];
    let mut listener = setup.listen(&setup.in_process, &arguments).await;
    setup.files(["a".to_owned()].into_iter()).await;
    let first = aside(|| listener.json_line());
    assert_eq!((&first["handler"]["result"], &first["replay"]), (&"delivered".into(), &Value::Null), "{first}");
    aside(|| setup.in_process.json(&["events", "replay", "--since", "1h", "--to", "listen/ci", "--yes", "--json"]));
    let again = aside(|| listener.json_line());
    assert_eq!((&again["id"], &again["replay"]), (&first["id"], &1.into()), "{again}");
    assert_eq!(again["handler"]["result"], "delivered", "{again}");
    listener.terminate();
    assert_eq!(aside(|| listener.end()).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_resend_show_and_quit() {
    let setup = Setup::start().await;
    let arguments = ["listen", "--name", "keys", "--", "sh", "-c", "cat >/dev/null; echo handled"];
    let Some(mut terminal) = Terminal::start(&setup.in_process, &arguments) else { return };
    aside(|| terminal.shows("keys: r resend, d details, q quit"));
    terminal.type_keys("r");
    aside(|| terminal.shows("no event has arrived yet"));
    setup.files(["a".to_owned()].into_iter()).await;
    aside(|| terminal.shows("delivered (0) in"));
    terminal.type_keys("d");
    aside(|| terminal.shows("attempt 1"));
    terminal.type_keys("r");
    aside(|| terminal.shows("(resent)"));
    terminal.type_keys("q");
    let (code, screen) = aside(|| terminal.end());
    assert_eq!((code, screen.matches("handled").count()), (0, 2), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_whose_messages_are_fetched_is_added_by_a_command() {
    let setup = Setup::start().await;
    aside(|| setup.in_process.json(&["subscriptions", "add", "ci", "--pull", "--status", "passed", "--json"]));
    setup.files(["a".to_owned()].into_iter()).await;
    let mut listener = setup.listen(&setup.remote, &["--name", "ci", "--json"]).await;
    assert_eq!(files(&mut listener, 1), ["a"]);
    setup.until("select count(*) from eqp.delivery", 0).await;
    setup.until("select count(*) from eqp.subscription where name = 'ci'", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_listened_to_is_reported_before_anything_is_created() {
    let setup = Setup::start().await;
    aside(|| setup.in_process.json(&["subscriptions", "add", "sent", "--exec", "x", "--json"]));
    for (code, arguments, reason) in [
        (1, &["listen", "--name", "sent"][..], "are sent to its handler"),
        (2, &["listen", "--name", "no name"], "cannot be the name"),
        (2, &["listen", "--exec", "nothing"], "has no program of this name"),
        (2, &["listen", "--forward-to", "ftp://localhost"], "must begin with http:// or https://"),
        (2, &["listen", "--forward-to", "localhost:8080"], "such as http://localhost:8080/hook"),
        (2, &["listen", "--forward-to", "http://a:hush@localhost"], "must not contain credentials"),
        (2, &["listen", "--timeout", "11m"], "between 1s and 10m"),
        (2, &["listen", "--raw"], "--forward-to"),
    ] {
        for home in [&setup.in_process, &setup.remote] {
            let ended = home.run_aside(arguments);
            assert!(ended.code == code && ended.stderr.contains(reason), "{arguments:?}: {ended:?}");
            assert!(!ended.stderr.contains("hush"), "{ended:?}");
        }
    }
    setup.until("select count(*) from eqp.subscription", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_no_server_delivers_are_reported() {
    let database = CallbackDatabase::new().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    database.callback(scan("a", "passed")).await;
    database.project().await;
    let listener = home.start(&["listen"]);
    let reported = async {
        while !listener
            .has_logged("1 event recorded but not delivered: `eqp serve` with the role deliver is not running")
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reported).await.expect("is reported");
    listener.terminate();
    assert_eq!(aside(|| listener.end()).code, 0);
}
