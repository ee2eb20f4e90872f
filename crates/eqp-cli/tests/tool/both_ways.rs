//! Commands print the same whether the operator service runs in their own process or on a server.

use std::time::Duration;

use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, file, later_form, package, scan};
use eqp_test_support::tool::{Ended, Home, Running};
use serde_json::Value;

/// A database, a server on it, and a home for each way to call the operator service.
struct TwoWays {
    database: CallbackDatabase,
    in_process: Home,
    remote: Home,
    url: String,
    _serve: Running,
}

impl TwoWays {
    fn start(database: CallbackDatabase) -> Self {
        let mut in_process = Home::new(crate::EQP);
        in_process.set("EQP_DATABASE_URL", database.database.url());
        let create = ["token", "create", "test", "--scope", "read,operate,admin", "--json"];
        let created = tokio::task::block_in_place(|| in_process.json(&create));
        let mut serve = in_process.start(&["serve", "--role", "console", "--operator-listen", "127.0.0.1:0", "--json"]);
        let running = tokio::task::block_in_place(|| serve.json_line());
        let url = running["operator"].as_str().unwrap().to_owned();
        let mut remote = Home::new(crate::EQP);
        remote.set("EQP_SERVER_URL", &url);
        remote.set("EQP_TOKEN", created["secret"].as_str().unwrap());
        Self { database, in_process, remote, url, _serve: serve }
    }

    /// Runs a command both ways, and returns the result if it was the same.
    fn run(&self, arguments: &[&str]) -> Ended {
        let (here, there) = (self.in_process.run_aside(arguments), self.remote.run_aside(arguments));
        assert_eq!(here.stdout, there.stdout, "eqp {arguments:?}: {here:?} {there:?}");
        assert_eq!(here.code, there.code, "eqp {arguments:?}: {here:?} {there:?}");
        here
    }
}

/// Two accounts with submissions, files, duplicates, late, unknown and undecodable callbacks, and API reads.
async fn filled() -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    let sandbox = database.beside("sandbox", "MAG2", "second").await;
    database.callback(later_form("s1", "technical", ["in_progress", "in_automation", "draft"], 1)).await;
    database.callback(later_form("s2", "marketing", ["in_progress", "draft", "rejected"], 1)).await;
    database.callback(scan("f1", "pass")).await;
    sandbox.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 1)).await;
    database.callback("{}").await;
    database.callback(r#"{"callback_event": "moved\u001b[31m\n::error::x"}"#).await;
    database.callback(b"\xff\x00 no text").await;
    database.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 9)).await;
    database.callback(later_form("s1", "technical", ["in_progress", "approved", "draft"], 9)).await;
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 5)).await;
    database.callback(later_form("a/b ?#%", "overall", ["draft", "draft", "draft"], 1)).await;
    database.project().await;
    assert!(database.read_package(package("s2", ["in_progress", "draft", "approved"], 30)).await);
    database.reads(&[database.read(eqp_store::ResourceKind::File, file("f1", "fail"))]).await;
    database.callback(later_form("s3", "technical", ["in_progress", "in_manual_qa", "draft"], 1)).await;
    database.project().await;
    sqlx::raw_sql(
        r#"insert into eqp.subscription (name, filter, handler, created_at)
           values ('shop', '{"statuses": ["approved"]}', '{"type": "exec", "program": "deploy"}', '2026-01-02 03:04:05+00');
           insert into eqp.subscription_state (subscription_id, state, paused_at, paused_reason, cursor_seq, alert_cursor)
           values (1, 'paused', '2026-01-03 03:04:05+00', 'a test', 1, 0);
           insert into eqp.delivery (subscription_id, resource, source, event_seq, created_at, attempts, dead_at)
           values (1, 7, 'event', 1, '2026-01-02 03:04:06+00', 10, '2026-01-05 03:04:06+00');
           insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, at, duration_ms, result, status, note)
           values (1, 1, 'event', 1, '2026-01-05 03:04:06+00', 12, 'event_failed', 3, E'no\x1b[31m\nway'),
                  (7, 1, 'event', 2, '2026-01-05 03:04:07+00', 0, 'skipped', null, 'the SKU is not known');
           insert into eqp.replay (selection, subscription_id, subscription, end_seq, planned, created, requested_at, requested_by)
           values ('{"events": [1]}', 1, 'shop', 9, 3, 2, '2026-01-05 03:04:07+00', 'token ci');
           insert into eqp.delivery (subscription_id, resource, source, event_seq, created_at, replay_id)
           values (1, 7, 'event', 1, '2026-01-02 03:04:06+00', 1);"#,
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let mut engine = eqp_sync::AlertEngine::new(database.pool.clone(), eqp_sync::AlertSettings::default());
    assert_eq!(
        engine.evaluate(time::OffsetDateTime::now_utc()).await.unwrap().opened,
        2,
        "the event code and the dead delivery"
    );
    database
}

/// Commands and the exit code of each.
const COMMANDS: &[(i32, &[&str])] = &[
    (0, &["events", "list"]),
    (0, &["events", "list", "--limit", "3"]),
    (0, &["events", "list", "--resource-id", "s1", "--flow", "technical", "--status", "approved"]),
    (0, &["events", "list", "--kind", "undecodable"]),
    (0, &["events", "list", "--disposition", "late"]),
    (0, &["events", "list", "--since", "2020-01-01"]),
    (0, &["events", "list", "--since", "2099-01-01"]),
    (0, &["events", "list", "--environment", "sandbox"]),
    (0, &["events", "list", "--resource-id", "nothing & nowhere"]),
    (2, &["events", "list", "--flow", "overall", "--status", "pass"]),
    (4, &["events", "show", "999999"]),
    (4, &["events", "show", "0"]),
    (0, &["submissions", "list"]),
    (0, &["submissions", "list", "--technical", "rejected"]),
    (0, &["submissions", "list", "--overall", "in_progress", "--limit", "1"]),
    (0, &["submissions", "show", "s1"]),
    (0, &["submissions", "show", "s1", "--environment", "sandbox"]),
    (0, &["submissions", "show", "item-s2"]),
    (0, &["submissions", "show", "a/b ?#%"]),
    (4, &["submissions", "show", "nothing"]),
    (4, &["submissions", "show", "../events"]),
    (0, &["wait", "s1", "--flow", "technical"]),
    (0, &["wait", "f1", "--kind", "file", "--until", "failed"]),
    (1, &["wait", "s2", "--flow", "marketing", "--until", "in_marketing_review"]),
    (6, &["wait", "s3", "--flow", "technical", "--timeout", "1s"]),
    (0, &["accounts", "list"]),
    (0, &["accounts", "remove", "MAG123456789", "--dry-run"]),
    (4, &["accounts", "remove", "MAG2", "--dry-run"]),
    (4, &["accounts", "remove", "MAG9"]),
    (0, &["subscriptions", "list"]),
    (0, &["subscriptions", "show", "shop"]),
    (4, &["subscriptions", "show", "nothing"]),
    (4, &["subscriptions", "pause", "nothing"]),
    (2, &["subscriptions", "add", "shop", "--exec", "deploy"]),
    (0, &["subscriptions", "add", "other", "--exec", "deploy", "--status", "approved", "--dry-run"]),
    (0, &["subscriptions", "add", "sms", "--exec", "sms", "--fallback-for", "shop", "--dry-run"]),
    (4, &["subscriptions", "add", "sms", "--exec", "sms", "--fallback-for", "nothing"]),
    (2, &["subscriptions", "add", "other", "--webhook", "https://127.0.0.1/eqp", "--dry-run"]),
    (2, &["subscriptions", "add", "other", "--webhook", "https://127.0.0.1/eqp"]),
    (0, &["subscriptions", "recipes"]),
    (2, &["subscriptions", "rotate-secret", "shop", "--dry-run"]),
    (2, &["subscriptions", "rotate-secret", "shop"]),
    (4, &["subscriptions", "rotate-secret", "nothing"]),
    (0, &["subscriptions", "remove", "shop", "--dry-run"]),
    (0, &["deliveries", "list"]),
    (0, &["deliveries", "list", "--subscription", "shop", "--dead"]),
    (4, &["deliveries", "list", "--subscription", "nothing"]),
    (0, &["deliveries", "show", "1"]),
    (4, &["deliveries", "show", "999999"]),
    (0, &["deliveries", "retry", "--subscription", "shop", "--dead", "--dry-run"]),
    (0, &["deliveries", "list", "--skipped"]),
    (0, &["deliveries", "list", "--replay", "1"]),
    (0, &["deliveries", "show", "7"]),
    (0, &["deliveries", "retry", "2", "7", "--dry-run"]),
    (0, &["deliveries", "retry", "--dead", "--dry-run"]),
    (2, &["deliveries", "retry"]),
    (4, &["deliveries", "discard", "999999"]),
    (4, &["deliveries", "discard", "7", "--dry-run"]),
    (2, &["deliveries", "discard", "1"]),
    (0, &["events", "replay", "1", "--to", "shop", "--dry-run"]),
    (0, &["events", "replay", "--since", "2020-01-01", "--dry-run"]),
    (0, &["events", "replay", "--resource-id", "nothing", "--yes"]),
    (2, &["events", "replay", "--status", "approved"]),
    (4, &["events", "replay", "999999"]),
    (4, &["events", "replay", "--since", "2020-01-01", "--to", "nothing"]),
    (0, &["replays", "list"]),
    (0, &["replays", "show", "1"]),
    (4, &["replays", "show", "99"]),
    (0, &["replays", "cancel", "1", "--dry-run"]),
    (2, &["replays", "cancel", "1"]),
    (0, &["alerts", "list"]),
    (0, &["alerts", "list", "--all"]),
    (0, &["alerts", "show", "1"]),
    (4, &["alerts", "show", "99"]),
    (0, &["alerts", "ack", "1", "--by", "ops", "--dry-run"]),
    (4, &["alerts", "ack", "99", "--by", "ops"]),
    (2, &["alerts", "ack", "1", "--by", ""]),
    (2, &["alerts", "snooze", "1", "--for", "400d"]),
    (0, &["alerts", "resolve", "1", "--dry-run"]),
    (0, &["find", "s1"]),
    (0, &["find", "item-s2", "--limit", "1"]),
    (0, &["find", "1"]),
    (4, &["find", "nothing & nowhere"]),
    (2, &["find", ""]),
    (4, &["status", "acme/unknown"]),
    (0, &["submissions", "letter", "s3"]),
    (4, &["submissions", "letter", "s1"]),
    (4, &["submissions", "letter", "nothing"]),
    (0, &["submissions", "links"]),
    (0, &["submissions", "link", "s2", "--at", "https://ops.example.com", "--dry-run"]),
    (2, &["submissions", "link", "s1", "--at", "https://ops.example.com"]),
    (2, &["submissions", "link", "s2", "--for", "91d"]),
    (4, &["submissions", "link", "nothing", "--at", "https://ops.example.com"]),
    (0, &["submissions", "unlink", "1", "--dry-run"]),
    (4, &["submissions", "unlink", "99"]),
    (0, &["audit", "list"]),
    (0, &["audit", "list", "--limit", "1"]),
    (0, &["audit", "list", "--before", "1"]),
    (2, &["token", "create", "test", "--scope", "read"]),
    (2, &["token", "create", "no/name", "--scope", "read"]),
    (0, &["token", "create", "other", "--scope", "read", "--dry-run"]),
    (0, &["token", "link", "test", "--dry-run"]),
    (4, &["token", "link", "nothing"]),
    (0, &["token", "revoke", "test", "--dry-run"]),
    (4, &["token", "revoke", "nothing"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_command_prints_the_same_in_process_and_from_a_server() {
    let ways = TwoWays::start(filled().await);
    sqlx::query(
        "insert into eqp.access_key (account_id, application_id, api_url, verified_at)
         select id, 'app', 'https://api.example.test/', '2026-01-02 03:04:05.678+00' from eqp.account where mage_id = 'MAG123456789'",
    )
    .execute(&ways.database.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into eqp.submission_link (account_id, submission_id, hash, created_at, created_by, expires_at)
         select id, 's2', decode(repeat('00', 32), 'hex'), '2026-01-02 03:04:05+00', 'token ci', '2096-01-02 03:04:05+00'
         from eqp.account where mage_id = 'MAG123456789'",
    )
    .execute(&ways.database.pool)
    .await
    .unwrap();
    let mut printed = 0;
    for (code, arguments) in COMMANDS {
        for arguments in [arguments.to_vec(), [arguments, &["--json"][..]].concat()] {
            let ended = ways.run(&arguments);
            assert_eq!(ended.code, *code, "eqp {arguments:?}: {ended:?}");
            printed += usize::from(!ended.stdout.is_empty());
        }
    }
    assert!(printed > COMMANDS.len(), "most commands print something: {printed}");
    // Each event, with its callback, API read and duplicates.
    for event in ways.database.events().await {
        let seq = event.seq.to_string();
        for arguments in [&["events", "show", &seq][..], &["events", "show", &seq, "--json"]] {
            assert_eq!(ways.run(arguments).code, 0, "{seq}");
        }
    }
    shows_the_status(&ways);
    deletes_old_callbacks(&ways).await;
    changes(&ways);
}

/// The first line and the field `at` contain the current time, so only the rest of the output is the same.
fn shows_the_status(ways: &TwoWays) {
    for arguments in [&["status"][..], &["status", "--environment", "sandbox"], &["status", "--json"]] {
        let without_time = |home: &Home| {
            let ended = home.run_aside(arguments);
            assert_eq!(ended.code, 0, "{ended:?}");
            match serde_json::from_str::<Value>(&ended.stdout) {
                Ok(mut status) => {
                    status["at"].take();
                    status.to_string()
                }
                Err(_) => ended.stdout.split_once('\n').unwrap().1.to_owned(),
            }
        };
        let (here, there) = (without_time(&ways.in_process), without_time(&ways.remote));
        assert_eq!(here, there, "eqp {arguments:?}");
        assert!(here.contains("item-s1"), "{here}");
    }
}

/// The limit is a time relative to now, so only the rest of the output is the same.
async fn deletes_old_callbacks(ways: &TwoWays) {
    let old = time::OffsetDateTime::now_utc() - time::Duration::days(500);
    for home in [&ways.in_process, &ways.remote] {
        ways.database.callbacks_of(old, &[scan("f1", "pass"), scan("f1", "pass")]).await;
        ways.database.project().await;
        let planned = home.run_aside(&["retention", "--older-than", "400d", "--dry-run"]);
        assert!(planned.stdout.starts_with("2 callbacks received before "), "{planned:?}");
        let deleted = home.run_aside(&["retention", "--older-than", "400d", "--yes", "--json"]);
        assert!(deleted.stdout.starts_with("{\"deleted\":2,\"before\":\""), "{deleted:?}");
    }
}

fn changes(ways: &TwoWays) {
    for home in [&ways.in_process, &ways.remote] {
        let created =
            tokio::task::block_in_place(|| home.json(&["token", "create", "short", "--scope", "read", "--json"]));
        assert!(created["secret"].as_str().unwrap().starts_with("eqp_tok_"), "{created}");
        let revoked = home.run_aside(&["token", "revoke", "short", "--yes"]);
        assert_eq!((revoked.code, revoked.stdout.as_str()), (0, "revoked the token short\n"), "{revoked:?}");
    }
    for home in [&ways.in_process, &ways.remote] {
        let link = ["submissions", "link", "s2", "--at", "https://ops.example.com", "--json"];
        let created = tokio::task::block_in_place(|| home.json(&link));
        let url = created["link"].as_str().unwrap();
        assert!(url.starts_with("https://ops.example.com/shared#eqp_link_"), "{created}");
        let number = created["created"]["id"].to_string();
        let revoked = home.run_aside(&["submissions", "unlink", &number, "--yes"]);
        assert_eq!((revoked.code, revoked.stdout), (0, format!("revoked link {number}\n")));
        assert_eq!(home.run_aside(&["submissions", "unlink", &number, "--yes"]).code, 4);
    }
    let removed = ways.remote.run_aside(&["accounts", "remove", "MAG123456789", "--json"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(ways.run(&["accounts", "remove", "MAG123456789"]).code, 4);
    let log: Value = serde_json::from_str(&ways.run(&["audit", "list", "--json"]).stdout).unwrap();
    let of =
        |entry: &Value| format!("{} by {}", entry["action"].as_str().unwrap(), entry["principal"].as_str().unwrap());
    let entries: Vec<_> = log["entries"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(
        entries,
        [
            "access_key.delete by token test",
            "submission_link.revoke by token test",
            "submission_link.create by token test",
            "submission_link.revoke by local administrator",
            "submission_link.create by local administrator",
            "token.revoke by token test",
            "token.create by token test",
            "token.revoke by local administrator",
            "token.create by local administrator",
            "callbacks.delete by token test",
            "callbacks.delete by local administrator",
            "token.create by local administrator",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_prints_the_same_in_process_and_from_a_server() {
    let ways = TwoWays::start(CallbackDatabase::new().await);
    for arguments in [["events", "list"], ["submissions", "list"], ["accounts", "list"]] {
        for arguments in [arguments.to_vec(), [&arguments[..], &["--json"]].concat()] {
            assert_eq!(ways.run(&arguments).code, 0, "{arguments:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_both_ways() {
    let ways = TwoWays::start(filled().await);
    let known = ways.database.events().await.len();
    let tail = ["events", "tail", "--after", "0", "--json"];
    let (mut here, mut there) = (ways.in_process.start(&tail), ways.remote.start(&tail));
    let mut same = |count: usize| {
        for _ in 0..count {
            assert_eq!(tokio::task::block_in_place(|| here.line()), tokio::task::block_in_place(|| there.line()));
        }
    };
    same(known);
    ways.database.callback(scan("f9", "fail")).await;
    ways.database.project().await;
    same(1);
    for tail in [here, there] {
        tail.terminate();
        assert_eq!(tokio::task::block_in_place(|| tail.end()).code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_a_stream_and_is_rejected_at_once() {
    let ways = TwoWays::start(filled().await);
    let create = ["token", "create", "short", "--scope", "read", "--json"];
    let created = tokio::task::block_in_place(|| ways.in_process.json(&create));
    let mut home = Home::new(crate::EQP);
    home.set("EQP_SERVER_URL", &ways.url);
    home.set("EQP_TOKEN_FILE", home.write("token", created["secret"].as_str().unwrap()).display().to_string());
    let mut tail = home.start(&["events", "tail", "--after", "0", "--json"]);
    tokio::task::block_in_place(|| tail.json_line());
    // A token for reading changes nothing.
    let forbidden = home.run_aside(&["token", "list"]);
    assert!(forbidden.code == 3 && forbidden.stderr.contains("requires the scope admin"), "{forbidden:?}");
    let forbidden = home.run_aside(&["retention", "--older-than", "400d"]);
    assert_eq!(forbidden.code, 0, "nothing is old enough, so nothing is deleted: {forbidden:?}");

    assert_eq!(ways.in_process.run_aside(&["token", "revoke", "short", "--yes"]).code, 0);
    let rejected = home.run_aside(&["events", "list"]);
    assert!(rejected.code == 3 && rejected.stderr.contains("EQP_TOKEN"), "{rejected:?}");
    let ended = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || tail.end())).await;
    let ended = ended.unwrap().unwrap();
    assert!(ended.code == 3 && ended.stderr.contains("no valid token"), "{ended:?}");
    assert!(!ended.stderr.contains(created["secret"].as_str().unwrap()), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_needs_the_database_itself_does_not_use_the_wrong_one() {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_SERVER_URL", "http://127.0.0.1:2");
    home.set("EQP_TOKEN", "eqp_tok_1_AAAA");
    for arguments in [&["reproject", "--since", "1d"][..], &["migrate"]] {
        let refused = home.run_aside(arguments);
        assert!(refused.code == 2 && refused.stderr.contains("--server"), "{refused:?}");
    }
    let unreachable = home.run_aside(&["events", "list"]);
    assert!(unreachable.code == 7 && unreachable.stderr.contains("127.0.0.1:2"), "{unreachable:?}");
    assert!(!unreachable.stderr.contains("eqp_tok_"), "{unreachable:?}");
    // A file in the current folder does not decide where a token is sent.
    let plain = Home::new(crate::EQP);
    plain.write("eqp.toml", "server.url = \"https://evil.example.com\"\n");
    let refused = plain.run_aside(&["events", "list"]);
    assert!(refused.code == 2 && refused.stderr.contains("server.url"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_listener_that_does_not_run_is_an_error() {
    let database = CallbackDatabase::new().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    let refused = home.run_aside(&["serve", "--role", "project", "--listen", "127.0.0.1:0"]);
    assert!(refused.code == 2 && refused.stderr.contains("--listen has no effect"), "{refused:?}");
    // Metrics and health checks are served without accepting callbacks.
    let mut serve = home.start(&["serve", "--role", "project", "--operator-listen", "127.0.0.1:0", "--json"]);
    let running = tokio::task::block_in_place(|| serve.json_line());
    let url = running["operator"].as_str().unwrap();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/api/v1/events", 404)] {
        let answered = http.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(answered.status().as_u16(), status, "{path}");
    }
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
}
