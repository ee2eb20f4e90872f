//! docs/sql.md: the views, their role, the notification and the programs that follow events.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, later_form, scan};
use serde_json::Value;
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, PgPool};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A database with events, and the roles of the script.
async fn filled() -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    let script = std::fs::read_to_string(repository().join("crates/eqp-store/roles.sql")).unwrap();
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&database.pool).await.unwrap();
    database.callback(scan("f1", "pass")).await;
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "draft"], 1)).await;
    database.project().await;
    database
}

async fn columns(pool: &PgPool, view: &str) -> BTreeSet<String> {
    let names: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns where table_schema = 'eqp' and table_name = $1",
    )
    .bind(view)
    .fetch_all(pool)
    .await
    .unwrap();
    names.into_iter().collect()
}

#[tokio::test]
async fn every_column_of_the_views_is_described() {
    let database = CallbackDatabase::new().await;
    let page = std::fs::read_to_string(repository().join("docs/sql.md")).unwrap();
    // Those that only join tables, which are not part of the interface.
    let internal = ["account_id", "track_id", "api_read_id", "callback_id"];
    for view in ["v_event", "v_submission", "v_file"] {
        let (_, section) = page.split_once(&format!("### `eqp.{view}`")).unwrap();
        let section = section.split("\n##").next().unwrap();
        let columns = columns(&database.pool, view).await;
        assert!(columns.len() > 8, "{view}");
        for column in columns.iter().filter(|column| !internal.contains(&column.as_str())) {
            assert!(section.contains(&format!("`{column}`")), "{view}.{column} is not described");
        }
    }
}

#[tokio::test]
async fn a_notification_carries_the_number_of_the_last_event() {
    let database = CallbackDatabase::new().await;
    let mut listener = PgListener::connect_with(&database.pool).await.unwrap();
    listener.listen("eqp_events").await.unwrap();
    database.callbacks(&[scan("f1", "pass"), scan("f2", "pass")]).await;
    database.project().await;
    let received = tokio::time::timeout(PATIENCE, listener.recv()).await.unwrap().unwrap();
    let last = database.events().await.iter().map(|event| event.seq).max().unwrap();
    assert_eq!(received.payload(), last.to_string());
}

/// Runs a program that follows events twice: before and after another event. It has the privileges of `eqp_read`.
async fn follows_events(program: &str, script: &str, dsn: impl Fn(&[(&str, String)]) -> String) {
    let database = filled().await;
    let options = &database.database.options;
    let host = options.get_socket().map_or(options.get_host().into(), |folder| folder.display().to_string());
    let dsn = dsn(&[
        ("host", host),
        ("port", options.get_port().to_string()),
        ("dbname", options.get_database().unwrap().to_owned()),
        ("user", options.get_username().to_owned()),
        ("options", "'-c role=eqp_read'".to_owned()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let script = repository().join("examples/sql").join(script);
        let output = Command::new(program)
            .arg(script)
            .arg(folder.path().join("cursor"))
            .arg("--once")
            .env("EQP_DSN", &dsn)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let first = run();
    let recorded = database.events().await;
    assert_eq!(first.len(), recorded.len(), "{first:?}");
    assert!(first.iter().any(|event| event["resource_id"] == "s1" && event["status"] == "rejected"), "{first:?}");
    assert_eq!(run(), [] as [Value; 0]);
    database.callback(scan("f1", "fail")).await;
    database.project().await;
    let next = run();
    assert_eq!((next.len(), &next[0]["resource_id"]), (1, &Value::from("f1")), "{next:?}");
}

fn key_values(parameters: &[(&str, String)], separator: &str) -> String {
    parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(separator)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_php_example_prints_each_event_once() {
    let has_pdo = Command::new("php").args(["-r", "exit((int) !extension_loaded('pdo_pgsql'));"]).status();
    if !has_pdo.is_ok_and(|status| status.success()) {
        println!("not run: there is no php with pdo_pgsql");
        return;
    }
    follows_events("php", "follow_events.php", |parameters| format!("pgsql:{}", key_values(parameters, ";"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_example_prints_each_event_once() {
    for python in ["python3", "/usr/bin/python3"] {
        if Command::new(python).args(["-c", "import psycopg2"]).output().is_ok_and(|output| output.status.success()) {
            return follows_events(python, "follow_events.py", |parameters| key_values(parameters, " ")).await;
        }
    }
    println!("not run: there is no python3 with psycopg2");
}
