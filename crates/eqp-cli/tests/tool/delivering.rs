//! Events reach a program through `eqp serve`, and commands manage subscriptions and deliveries.

use std::time::Duration;

use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use eqp_test_support::tool::Home;
use tokio::time::{sleep, timeout};

/// A home with a program that appends what it receives to a file, unless a file named `broken` exists.
fn home(database: &CallbackDatabase) -> (Home, std::path::PathBuf) {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    let received = home.path().join("received");
    let broken = home.path().join("broken");
    let script = format!(
        "test ! -e {} || {{ echo it is broken >&2; exit 1; }}; cat >> {}",
        broken.display(),
        received.display()
    );
    let config = format!("[exec.note]\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n");
    let config = home.write("worker.toml", &config);
    home.set("EQP_CONFIG", config.display().to_string());
    (home, received)
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_a_program_and_a_failed_delivery_is_shown_and_repeated() {
    let database = CallbackDatabase::new().await;
    let (home, received) = home(&database);
    // Creates the master key and the roles of the process.
    let mut serve = home.start(&["serve", "--role", "project,deliver", "--operator-listen", "127.0.0.1:0", "--json"]);
    tokio::task::block_in_place(|| serve.json_line());

    let added = home.json(&["subscriptions", "add", "note", "--exec", "note", "--status", "passed", "--json"]);
    assert_eq!(added["created"]["handler"]["program"], "note", "{added}");
    let tested = home.json(&["subscriptions", "test", "note", "--json"]);
    assert_eq!((&tested["result"], &tested["status"]), (&"delivered".into(), &0.into()), "{tested}");
    let text = std::fs::read_to_string(&received).unwrap();
    assert!(text.contains("\"subscription.test\""), "{text}");

    home.write("broken", "");
    let failed = home.run_aside(&["subscriptions", "test", "note"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.stderr.contains("it is broken"), "{failed:?}");

    database.callback(scan("a", "passed")).await;
    database.callback(scan("b", "failed")).await;
    let listed = || home.json(&["deliveries", "list", "--json"])["deliveries"].as_array().unwrap().clone();
    until("a failed delivery", async || tokio::task::block_in_place(listed).iter().any(|one| one["attempts"] == 1))
        .await;
    let waiting = listed();
    assert_eq!(waiting.len(), 1, "only what the filter matches: {waiting:?}");
    let id = waiting[0]["id"].to_string();
    let detail = home.json(&["deliveries", "show", &id, "--json"]);
    assert_eq!(detail["attempts"][0]["result"], "event_failed", "{detail}");
    assert!(detail["attempts"][0]["note"].as_str().unwrap().contains("it is broken"), "{detail}");

    std::fs::remove_file(home.path().join("broken")).unwrap();
    let retried = home.run_aside(&["deliveries", "retry", &id]);
    assert_eq!((retried.code, retried.stdout.as_str()), (0, "retrying 1 delivery\n"), "{retried:?}");
    until("the delivery", async || tokio::task::block_in_place(listed).is_empty()).await;
    let text = std::fs::read_to_string(&received).unwrap();
    assert!(text.contains("\"resource_id\":\"a\"") && !text.contains("\"resource_id\":\"b\""), "{text}");

    let unconfirmed = home.run_aside(&["events", "replay", "1", "--to", "note"]);
    assert!(unconfirmed.code == 2 && unconfirmed.stderr.contains("pass --yes"), "{unconfirmed:?}");
    let replayed = home.run_aside(&["events", "replay", "1", "--to", "note", "--yes"]);
    assert_eq!((replayed.code, replayed.stdout.as_str()), (0, "replay 1 finished: 1 of 1 sent\n"), "{replayed:?}");
    assert!(replayed.stderr.contains("1 event to note"), "{replayed:?}");
    let again = std::fs::read_to_string(&received).unwrap();
    assert_eq!(again.matches("\"resource_id\":\"a\"").count(), 2, "{again}");
    let finished = home.run_aside(&["replays", "cancel", "1", "--yes"]);
    assert!(finished.code == 1 && finished.stderr.contains("replay 1 finished"), "{finished:?}");

    let paused = home.json(&["subscriptions", "pause", "note", "--reason", "a deployment", "--json"]);
    assert_eq!(
        (&paused["paused"]["state"], &paused["paused"]["paused_reason"]),
        (&"paused".into(), &"a deployment".into())
    );
    let examined = home.run_aside(&["doctor", "--json"]);
    let examined: serde_json::Value = serde_json::from_str(&examined.stdout).unwrap();
    let checks = examined["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "deliveries").unwrap();
    assert_eq!(check["state"], "warning", "{check}");
    assert_eq!(check["detail"], "note is paused (a deployment)", "{check}");
    assert_eq!(check["remedy"], "eqp subscriptions resume note", "{check}");
    let again = home.run_aside(&["subscriptions", "pause", "note", "--reason", "another"]);
    let unchanged = "note is paused already (a deployment): 0 waiting, 0 dead\n";
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), (unchanged, ""), "{again:?}");
    let unconfirmed = home.run_aside(&["subscriptions", "remove", "note"]);
    assert!(unconfirmed.code == 2 && unconfirmed.stderr.contains("pass --yes"), "{unconfirmed:?}");
    let removed = home.run_aside(&["subscriptions", "remove", "note", "--yes"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(home.run_aside(&["subscriptions", "show", "note"]).code, 4);
    serve.terminate();
    let ended = tokio::task::block_in_place(|| serve.end());
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sent_by_a_retry_is_reported_and_a_test_that_timed_out_is_discarded() {
    let database = CallbackDatabase::new().await;
    let (home, _) = home(&database);
    sqlx::raw_sql(
        r#"insert into eqp.subscription (name, filter, handler) values ('note', '{}', '{"type": "exec", "program": "note"}');
           insert into eqp.subscription_state (subscription_id) select id from eqp.subscription;
           insert into eqp.delivery (subscription_id, resource, source, event_seq, attempts, retry_at)
           values (1, 7, 'event', 1, 1, now() + interval '1 h'), (1, 7, 'event', 2, 0, null);
           insert into eqp.delivery_lane (subscription_id, resource, due_at, tail_id) values (1, 7, now() + interval '1 h', 2)"#,
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let listed = home.run_aside(&["deliveries", "list"]);
    assert!(listed.stdout.contains("waiting for delivery 1") && listed.stdout.contains("retry at 20"), "{listed:?}");
    let retried = home.run_aside(&["deliveries", "retry", "2"]);
    assert_eq!(retried.stdout, "retrying 0 deliveries; 1 not sent yet\n", "{retried:?}");
    assert!(retried.stderr.contains("delivery 2 waits for delivery 1"), "{retried:?}");
    let retried = home.json(&["deliveries", "retry", "1", "2", "--json"]);
    assert_eq!((&retried["retried"], &retried["held_back"]), (&2.into(), &0.into()), "{retried}");
    home.json(&["subscriptions", "pause", "note", "--json"]);
    let retried = home.run_aside(&["deliveries", "retry", "--subscription", "note"]);
    assert!(
        retried.stderr.contains("2 deliveries of note will be sent after the subscription is resumed"),
        "{retried:?}"
    );
    let refused = home.run_aside(&["deliveries", "retry"]);
    assert!(refused.code == 2 && refused.stderr.contains("pass IDs, --subscription NAME or --dead"), "{refused:?}");

    let timed_out = home.run_aside(&["subscriptions", "test", "note", "--timeout", "1s"]);
    assert!(timed_out.code == 6 && timed_out.stderr.contains("it was discarded"), "{timed_out:?}");
    let tests = "select count(*) from eqp.delivery where source = 'test'";
    assert_eq!(sqlx::query_scalar::<_, i64>(tests).fetch_one(&database.pool).await.unwrap(), 0);
}

#[test]
fn a_file_in_the_current_folder_cannot_name_programs() {
    let home = Home::new(crate::EQP);
    home.write("eqp.toml", "[exec.note]\ncommand = [\"/bin/sh\"]\n");
    let refused = home.run_aside(&["subscriptions", "list"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("exec"), "{refused:?}");
}
