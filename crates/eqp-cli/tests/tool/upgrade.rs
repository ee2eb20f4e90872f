//! `eqp migrate --from-0.1`, on a database that version 0.1 made.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use eqp_store::internal::upgrade;
use eqp_store::{Endpoints, MasterKey, Reader};
use eqp_test_support::TestDatabase;
use eqp_types::{Environment, Secret};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use eqp_test_support::tool::Home;
use eqp_test_support::vendor::TestVendor;

fn fixture(name: &str) -> String {
    let path = format!("{}/../eqp-store/tests/fixtures/version-0.1/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn expected(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

/// Loads the fixture into an empty database, and its master key into the home.
async fn load(home: &Home, pool: &PgPool) -> PathBuf {
    sqlx::raw_sql(AssertSqlSafe(fixture("database.sql"))).execute(pool).await.unwrap();
    // Creates the data folder.
    assert_eq!(home.run_aside(&["ca"]).code, 0);
    home.write("data/master.key", &fixture("master.key"))
}

async fn home_with_fixture() -> (Home, TestDatabase) {
    let database = TestDatabase::create().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.url());
    load(&home, &database.pool).await;
    (home, database)
}

/// Renames the fields and values of version 0.1, and adds those that it did not have.
fn renamed(old: &Value) -> Map<String, Value> {
    let mut new = old.as_object().unwrap().clone();
    for (before, now) in [
        ("subject", "resource_id"),
        ("outcome", "status"),
        ("named", "explicit"),
        ("moved", "applied"),
        ("tied", "ambiguous"),
    ] {
        if let Some(value) = new.remove(before) {
            new.insert(now.to_owned(), value);
        }
    }
    if let Some(mark) = new.remove("mark") {
        let disposition = match mark.as_str().unwrap() {
            "none" if new["flow"].is_null() => Value::Null,
            "none" => json!("applied"),
            "again" => json!("reentered"),
            "tied" => json!("ambiguous"),
            other => json!(other),
        };
        new.insert("disposition".to_owned(), disposition);
        // Version 0.1 had callbacks only.
        new.extend([("origin".to_owned(), json!("callback")), ("api_read_id".to_owned(), Value::Null)]);
    } else {
        new.extend([("unconfirmed".to_owned(), json!(false)), ("confirmed_at".to_owned(), Value::Null)]);
    }
    new
}

/// The tool answers as version 0.1 did.
fn assert_answers_as_before(home: &Home) {
    for (list, arguments) in [("events", ["events", "list"]), ("submissions", ["submissions", "list"])] {
        let now = home.json(&[&arguments[..], &["--limit", "1000", "--json"]].concat());
        let before = expected(&format!("expected-{list}.json"));
        let (now, before) = (now[list].as_array().unwrap(), before[list].as_array().unwrap());
        assert_eq!(now.len(), before.len(), "{list}");
        for (now, before) in now.iter().zip(before) {
            assert_eq!(now.as_object().unwrap(), &renamed(before), "{list}");
        }
    }
}

async fn count(pool: &PgPool, what: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {what}"))).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_version_0_1_is_converted_and_answers_as_before() {
    let (home, database) = home_with_fixture().await;
    let refused = home.run_aside(&["events", "list"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(
        refused.stderr.trim(),
        "error: the database is from version 0.1; convert it with `eqp migrate --from-0.1`"
    );
    assert_eq!(home.run_aside(&["migrate"]).stderr, refused.stderr, "nothing else converts it");

    let planned = tokio::task::block_in_place(|| home.json(&["migrate", "--from-0.1", "--dry-run", "--json"]));
    let counts = json!({"accounts": 2, "endpoints": 3, "credentials": 4, "callbacks": 192, "events": 328, "handlers": 2,
        "dead_letters": 2});
    assert_eq!(planned["would_convert"], counts);
    assert_eq!(home.run_aside(&["events", "list"]).stderr, refused.stderr, "a dry run changes nothing");

    let converted = home.run_aside(&["migrate", "--from-0.1", "--yes"]);
    assert_eq!(converted.code, 0, "{converted:?}");
    insta::assert_snapshot!(format!("{}{}", converted.stdout, converted.stderr));
    tokio::task::block_in_place(|| assert_answers_as_before(&home));
    let cursors: Vec<(String, i64)> = sqlx::query_as("select name, last_seq from eqp.handler_cursor order by name")
        .fetch_all(&database.pool)
        .await
        .unwrap();
    assert_eq!(cursors, [("mail".to_owned(), 12), ("shop".to_owned(), 40)]);
    assert_eq!(Reader::new(database.pool.clone()).dead_letters(None, 10).await.unwrap().len(), 2);
    // New rows get new numbers.
    let next: i64 = sqlx::query_scalar("select nextval(pg_get_serial_sequence('eqp.credential', 'id'))")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(next, 5);
    assert_eq!(count(&database.pool, "eqp_0_1.callback").await, 192, "the old tables are set aside");

    let again = home.run_aside(&["migrate", "--from-0.1", "--yes"]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("not from version 0.1"), "{again:?}");
    tokio::task::block_in_place(|| assert_answers_as_before(&home));
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_and_passwords_still_work_after_a_conversion() {
    let vendor = TestVendor::start(crate::EQP).await;
    let key = load(&vendor.home, &vendor.database.pool).await;
    let converted = vendor.home.run_aside(&["migrate", "--from-0.1", "--yes"]);
    assert_eq!(converted.code, 0, "{converted:?}");

    let key = MasterKey::open(&key).unwrap();
    let endpoints = Endpoints::open(vendor.database.pool.clone(), key).await.unwrap();
    let environment = vendor.simulator.environment();
    let name = if environment == Environment::Production { "store" } else { "main" };
    let endpoint = endpoints.list().await.unwrap().into_iter().find(|endpoint| endpoint.name == name).unwrap();
    let active = endpoint.credentials.iter().find(|one| one.state.as_str() == "active").unwrap();
    let password: Secret = endpoints.password(&endpoint.public_url, &active.username).await.unwrap().unwrap();
    vendor.register_theirs(endpoint.public_url.as_str(), &active.username, password.expose()).await;

    let plan = vendor.home.run_aside(&["callbacks", "plan", "--exit-code"]);
    assert_eq!(plan.code, 0, "the registration is as version 0.1 left it: {plan:?}");
    let (_serve, base) = vendor.serve();
    let at = format!("{base}/callbacks/{name}");
    let sent = vendor.home.run_aside(&["trigger", "malware_scan_complete", "--to", name, "--at", &at]);
    assert_eq!(sent.code, 0, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_that_is_killed_is_finished_by_the_next_one() {
    let (home, database) = home_with_fixture().await;
    // A callback that is not projected, and one that was projected before the order was recorded.
    for statement in [
        "insert into eqp.callback select gen_random_uuid(), endpoint_id, credential_id, received_at, source, headers, body, \
         via from eqp.callback limit 1",
        "insert into eqp.callback_pending (callback_ids) select array_agg(id) from eqp.callback where not exists \
         (select from eqp.callback_outcome where callback_id = id)",
        "update eqp.callback_outcome set ordinal = null where ordinal <= 3",
    ] {
        sqlx::query(statement).execute(&database.pool).await.unwrap();
    }
    // In the middle of the copy: callbacks have been copied, tracks cannot be.
    let mut blocking = database.pool.begin().await.unwrap();
    sqlx::query("lock table eqp.track").execute(&mut *blocking).await.unwrap();
    let running = home.start(&["migrate", "--from-0.1", "--yes"]);
    let waits = "select exists (select from pg_locks where not granted and database = \
                 (select oid from pg_database where datname = current_database()))";
    let waiting = async {
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *blocking).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(50), waiting).await.expect("the conversion reaches the tracks");
    tokio::task::block_in_place(|| running.kill());
    blocking.rollback().await.unwrap();
    let planned = tokio::task::block_in_place(|| home.json(&["migrate", "--from-0.1", "--dry-run", "--json"]));
    assert_eq!(planned["would_convert"]["callbacks"], 193, "everything is as it was");

    // Between the copy and the projection.
    let key = MasterKey::open(&home.path().join("data/master.key")).unwrap();
    upgrade::convert(&database.pool, Some(key.fingerprint())).await.unwrap();
    assert_eq!(upgrade::observe(&database.pool).await.unwrap().step, upgrade::UpgradeStep::Reproject);
    let finished = home.run_aside(&["migrate", "--from-0.1", "--yes"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(matches!(upgrade::observe(&database.pool).await, Err(upgrade::UpgradeError::NotVersion0_1)));
    tokio::task::block_in_place(|| assert_answers_as_before(&home));
    assert_eq!(count(&database.pool, "eqp.callback_pending").await, 1, "it is projected when a receiver starts");
    let ordinals: Vec<i64> =
        sqlx::query_scalar("select ordinal from eqp.callback_disposition order by ordinal limit 4")
            .fetch_all(&database.pool)
            .await
            .unwrap();
    assert_eq!(ordinals, [-2, -1, 0, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_is_refused_with_another_key_while_a_receiver_runs_and_without_all_tables() {
    let (home, database) = home_with_fixture().await;
    let refused = |code: i32, text: &str| {
        let ended = home.run_aside(&["migrate", "--from-0.1", "--yes"]);
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(ended.stderr.contains(text), "{text}: {ended:?}");
    };
    let key = home.path().join("data/master.key");
    let other = home.path().join("other.key");
    MasterKey::open(&other).unwrap();
    std::fs::copy(&other, &key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    refused(2, "master key");
    std::fs::remove_file(&key).unwrap();
    refused(2, "master key");
    assert!(!key.exists(), "none is created");
    home.write("data/master.key", &fixture("master.key"));

    let pool = &database.pool;
    sqlx::query("insert into eqp.receiver values (gen_random_uuid(), now(), 1)").execute(pool).await.unwrap();
    refused(1, "stop them first");
    sqlx::query("delete from eqp.receiver").execute(pool).await.unwrap();
    sqlx::query("update eqp._sqlx_migrations set success = false where version = 14").execute(pool).await.unwrap();
    refused(1, "does not have all tables of version 0.1");
    sqlx::query("update eqp._sqlx_migrations set success = true where version = 14").execute(pool).await.unwrap();
    sqlx::query("create schema eqp_0_1").execute(pool).await.unwrap();
    refused(1, "exists already");
    assert_eq!(count(pool, "eqp.callback").await, 192, "nothing was changed");
}
