//! Tests databases that cannot be used, and ports that are in use.

use std::io::{Read, Write};
use std::net::TcpListener;

use eqp_test_support::TestDatabase;
use sqlx::AssertSqlSafe;

use eqp_test_support::tool::Home;

fn home_with(url: &str) -> Home {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", url);
    home
}

#[test]
fn a_server_that_is_not_there_is_code_7_at_once() {
    let home = home_with("postgres://me@127.0.0.1:1/eqp");
    for command in [&["events", "list"][..], &["serve", "--listen", "127.0.0.1:0"], &["migrate"]] {
        let ended = home.run(command);
        assert_eq!(ended.code, 7, "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("onnection refused"), "{}", ended.stderr);
    }
}

#[test]
fn a_server_without_tls_is_said_where_the_url_demands_it() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut connection in server.incoming().flatten() {
            // The response to a request for TLS.
            let _ = connection.read_exact(&mut [0; 8]);
            let _ = connection.write_all(b"N");
        }
    });
    let ended = home_with(&format!("postgres://me@{address}/eqp?sslmode=require")).run(&["events", "list"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(ended.stderr.contains("does not offer TLS") && ended.stderr.contains("sslmode"), "{ended:?}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_said() {
    let database = TestDatabase::create().await;
    let url = database.url().replace("eqp_test_", "eqp_nowhere_");
    let ended = home_with(&url).run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("does not exist") && ended.stderr.contains("createdb"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_empty_database_is_made_ready_by_migrate_and_only_once() {
    let database = TestDatabase::create().await;
    let home = home_with(&database.url());
    let ended = home.run(&["events", "list"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("eqp migrate"), "{}", ended.stderr);

    let would = home.json(&["migrate", "--dry-run", "--json"]);
    assert!(!would["would_apply"].as_array().unwrap().is_empty());
    let first = home.json(&["migrate", "--json"]);
    assert_eq!(first["applied"], would["would_apply"]);
    let second = home.json(&["migrate", "--json"]);
    assert_eq!(second["applied"], serde_json::json!([]));
    assert_eq!(home.json(&["events", "list", "--json"])["events"], serde_json::json!([]));
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let database = TestDatabase::create().await;
    let home = home_with(&database.url());
    home.json(&["migrate", "--json"]);
    let newer = "insert into eqp._sqlx_migrations (version, description, success, checksum, execution_time) \
                 values (999999, 'from the future', true, '', 0)";
    sqlx::query(newer).execute(&database.pool).await.unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"]] {
        let ended = home.run(command);
        assert_eq!(ended.code, 1, "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("999999") && ended.stderr.contains("newer program"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_database_of_version_0_1_is_refused_with_the_command_that_converts_it() {
    let database = TestDatabase::create().await;
    let home = home_with(&database.url());
    home.json(&["migrate", "--json"]);
    let previous = "update eqp._sqlx_migrations set description = 'accounts and endpoints' where version = 1";
    sqlx::query(previous).execute(&database.pool).await.unwrap();
    for command in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["events", "list"], &["migrate"], &["migrate", "--dry-run"]]
    {
        let ended = home.run(command);
        assert_eq!(ended.code, 1, "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("version 0.1; convert it with `eqp migrate --from-0.1`"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_said() {
    let database = TestDatabase::create().await;
    let home = home_with(&database.url());
    home.json(&["migrate", "--json"]);
    let name = database.options.get_database().unwrap();
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    sqlx::query(AssertSqlSafe(read_only)).execute(&database.pool).await.unwrap();
    let ended = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.stderr.contains("default_transaction_read_only"), "{}", ended.stderr);
    // Reading still works, because a standby is sufficient for it.
    assert_eq!(home.run(&["events", "list"]).code, 0);
}

/// The Postgres of the tests accepts one role only, so its sessions switch to another role by a default of the
/// database.
#[tokio::test]
async fn a_role_that_may_not_create_tables_learns_which_privilege_it_lacks() {
    let database = TestDatabase::create().await;
    let name = database.options.get_database().unwrap();
    let guest = format!("{name}_guest");
    // An existing connection retains the role with all privileges; later ones have the other role.
    let mut admin = database.pool.acquire().await.unwrap();
    for statement in [format!("create role {guest}"), format!("alter database {name} set role {guest}")] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *admin).await.unwrap();
    }
    let home = home_with(&database.url());
    for command in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let ended = home.run(command);
        assert_eq!(ended.code, 3, "{command:?}: {}", ended.stderr);
        let grant = format!("grant create on database {name} to {guest}");
        assert!(ended.stderr.contains(&grant), "{}", ended.stderr);
    }
    // Postgres is quoted without the line of its source code.
    for statement in
        [format!("grant create on database {name} to {guest}"), format!("create schema eqp authorization {guest}")]
    {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *admin).await.unwrap();
    }
    sqlx::query("create table eqp.callback ()").execute(&mut *admin).await.unwrap();
    let ended = home.run(&["migrate"]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("already exists") && !ended.stderr.contains("at line"), "{}", ended.stderr);
    // The failed migration left an empty table of migrations, which is not mistaken for a database of another version.
    sqlx::query("drop table eqp.callback").execute(&mut *admin).await.unwrap();
    assert!(eqp_store::internal::schema::has_tables(&database.pool).await.is_ok_and(|has_tables| !has_tables));
    let ended = home.run(&["migrate"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    sqlx::query(AssertSqlSafe(format!("drop owned by {guest} cascade"))).execute(&mut *admin).await.unwrap();
    let reset = format!("alter database {name} reset role");
    sqlx::query(AssertSqlSafe(reset)).execute(&mut *admin).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("drop role {guest}"))).execute(&mut *admin).await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_character_is_refused() {
    let database = TestDatabase::create().await;
    let latin = format!("{}_latin", database.options.get_database().unwrap());
    let make = format!("create database {latin} encoding 'LATIN1' template template0 locale 'C'");
    sqlx::query(AssertSqlSafe(make)).execute(&database.pool).await.unwrap();
    let url = database.url().replace(database.options.get_database().unwrap(), &latin);
    let home = home_with(&url);
    for command in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"], &["events", "list"]] {
        let ended = home.run(command);
        assert_eq!(ended.code, 2, "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("LATIN1") && ended.stderr.contains("UTF8"), "{}", ended.stderr);
    }
    sqlx::query(AssertSqlSafe(format!("drop database {latin}"))).execute(&database.pool).await.unwrap();
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let database = TestDatabase::create().await;
    let first = home_with(&database.url());
    let mut serve = first.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    serve.json_line();
    let ended = home_with(&database.url()).run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("EQP_MASTER_KEY_FILE"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let database = TestDatabase::create().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = home_with(&database.url());
    for command in ["serve", "simulator"] {
        let ended = home.run(&[command, "--listen", &address]);
        assert_eq!(ended.code, 1, "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains(&address) && ended.stderr.contains("--listen"), "{}", ended.stderr);
    }
}
