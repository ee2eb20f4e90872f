//! The role script of `eqp-store`: every part runs with the privileges of its role, and Postgres refuses the rest.

use std::path::Path;

use eqp_deliver::{
    DeliverService, ExecDefinition, Fallback, HandlerDefinition, HandlerEnvironment, NewSubscription, Subscriptions,
};
use eqp_receiver::{MasterKey, Receiver};
use eqp_store::internal::{
    AccessKeys, AlertSubject, NewAlertChange, NewApiRead, ResourceDetail, RunKind, RunProgress, account, alert,
    alert_log, alert_notification, api_read, canary, missing_callback, reconcile_run, resource_detail, track,
};
use eqp_store::{AlertChangeKind, AlertSeverity, ResourceKind};
use eqp_test_support::TestDatabase;
use eqp_types::Secret;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgPool};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use eqp_test_support::tool::Ended;
use eqp_test_support::vendor::{TestVendor, scan};

/// Statements that Postgres refuses to a role.
const REFUSED: &[(&str, &str)] = &[
    ("eqp_accept", "select ciphertext from eqp.sealed_secret"),
    ("eqp_accept", "select body from eqp.callback"),
    (
        "eqp_accept",
        "insert into eqp.canary (endpoint_id, username, password_hmac, expires_at) values (1, 'x', '', now())",
    ),
    ("eqp_runtime", "update eqp.canary set expires_at = 'infinity'"),
    ("eqp_accept", "delete from eqp.callback"),
    ("eqp_accept", "update eqp.endpoint set path = '/x'"),
    ("eqp_accept", "update eqp.credential set password_hmac = ''"),
    ("eqp_accept", "select * from eqp.event"),
    ("eqp_accept", "select * from eqp.v_event"),
    ("eqp_accept", "delete from eqp.callback_pending"),
    ("eqp_accept", "select * from eqp.access_key"),
    ("eqp_accept", "select * from eqp.api_read"),
    ("eqp_accept", "select * from eqp.alert"),
    ("eqp_accept", "select * from eqp.registration_check"),
    ("eqp_accept", "select * from eqp.listing_check"),
    ("eqp_runtime", "update eqp.listing_check set findings = '{}'"),
    (
        "eqp_runtime",
        "insert into eqp.alert (kind, severity, key, opened_at, updated_at) values ('x', 'info', '', now(), now())",
    ),
    ("eqp_runtime", "update eqp.alert set data = '{}'"),
    ("eqp_runtime", "delete from eqp.alert_change"),
    ("eqp_reconcile", "delete from eqp.receiver"),
    ("eqp_runtime", "select ciphertext from eqp.access_key"),
    ("eqp_runtime", "select * from eqp.access_key"),
    ("eqp_runtime", "update eqp.access_key set application_id = encode(ciphertext, 'hex')"),
    (
        "eqp_runtime",
        "insert into eqp.access_key select 1, 'x', 'https://x/', key_id, nonce, ciphertext, now() from eqp.access_key",
    ),
    ("eqp_runtime", "insert into eqp.api_read select * from eqp.api_read"),
    ("eqp_reconcile", "select body from eqp.callback"),
    ("eqp_reconcile", "select ciphertext from eqp.sealed_secret"),
    ("eqp_reconcile", "update eqp.track set status = 'approved'"),
    ("eqp_reconcile", "delete from eqp.event"),
    ("eqp_reconcile", "delete from eqp.api_read"),
    ("eqp_reconcile", "update eqp.access_key set ciphertext = ''"),
    ("eqp_reconcile", "delete from eqp.access_key"),
    ("eqp_runtime", "select ciphertext from eqp.subscription"),
    ("eqp_accept", "select name from eqp.subscription"),
    ("eqp_reconcile", "select ciphertext from eqp.subscription"),
    ("eqp_deliver", "select body from eqp.callback"),
    ("eqp_deliver", "select ciphertext from eqp.sealed_secret"),
    ("eqp_deliver", "select * from eqp.access_key"),
    ("eqp_deliver", "update eqp.alert set severity = 'info'"),
    ("eqp_deliver", "delete from eqp.alert_fallback"),
    ("eqp_deliver", "delete from eqp.event"),
    ("eqp_deliver", "insert into eqp.replay (selection, end_seq, planned, requested_by) values ('{}', 1, 1, 'x')"),
    ("eqp_accept", "select * from eqp.replay"),
    ("eqp_deliver", "select * from eqp.operator_session"),
    ("eqp_accept", "delete from eqp.sign_in_code"),
    ("eqp_runtime", "update eqp.operator_session set expires_at = 'infinity'"),
    ("eqp_runtime", "delete from eqp.replay"),
    ("eqp_read", "select * from eqp.event"),
    ("eqp_read", "select body from eqp.callback"),
    ("eqp_read", "select * from eqp.subscription"),
    ("eqp_read", "delete from eqp.event"),
    ("eqp_read", "create table eqp.another ()"),
    ("eqp_runtime", "update eqp.callback set body = ''"),
    ("eqp_runtime", "update eqp.event set status = 'approved'"),
    ("eqp_runtime", "delete from eqp.endpoint"),
    ("eqp_runtime", "update eqp.instance set master_key_fingerprint = ''"),
    ("eqp_runtime", "create table eqp.another ()"),
    ("eqp_runtime", "drop table eqp.event"),
    ("eqp_runtime", "delete from eqp._sqlx_migrations"),
];

/// Creates the roles and their grants, as the superuser.
async fn run_script(admin: &mut PgConnection) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../eqp-store/roles.sql");
    let script = std::fs::read_to_string(script).unwrap();
    sqlx::raw_sql(AssertSqlSafe(script)).execute(admin).await.unwrap();
}

/// Makes every later connection use this role, because the Postgres of the tests accepts one user only.
async fn become_role(admin: &mut PgConnection, database: &TestDatabase, role: &str) {
    let name = database.options.get_database().unwrap();
    sqlx::query(AssertSqlSafe(format!("alter database {name} set role {role}"))).execute(admin).await.unwrap();
}

/// Returns the SQLSTATE with which Postgres rejects a statement of a role, if it does.
async fn refusal(database: &TestDatabase, role: &str, statement: &str) -> Option<String> {
    let options = database.options.clone().options([("role", role)]);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let error = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.err()?;
    Some(error.as_database_error().unwrap().code().unwrap().into_owned())
}

/// A connection pool with the privileges of a role.
fn pool_of(database: &TestDatabase, role: &str) -> PgPool {
    PgPoolOptions::new().connect_lazy_with(database.options.clone().options([("role", role)]))
}

async fn access_keys_are_stored_by_the_tool_and_read_by_reconciliation(database: &TestDatabase, key: &Path) {
    let key = MasterKey::open(key).unwrap();
    let runtime = AccessKeys::open(pool_of(database, "eqp_runtime"), key.clone()).await.unwrap();
    let reconcile = AccessKeys::open(pool_of(database, "eqp_reconcile"), key).await.unwrap();
    assert_eq!(account::list(&pool_of(database, "eqp_reconcile")).await.unwrap().len(), 1);
    let account = account::list(&pool_of(database, "eqp_runtime")).await.unwrap().remove(0).id;
    for secret in ["first", "second"] {
        runtime.store(account, "app-1", "https://api/", Some(&Secret::new(secret))).await.unwrap();
        let stored = reconcile.get(account).await.unwrap().unwrap();
        assert_eq!((stored.application_id.as_str(), stored.application_secret.expose()), ("app-1", secret));
    }
    assert!(runtime.get(account).await.is_err(), "it cannot be read");

    // Everything that reconciliation does.
    let pool = pool_of(database, "eqp_reconcile");
    let run = reconcile_run::begin(&pool, account, RunKind::Full).await.unwrap().unwrap();
    let body = br#"{"submission_id": "s1", "eqp_status": {"technical": "approved"}}"#.to_vec();
    let now = OffsetDateTime::now_utc();
    let read = NewApiRead::decode(account, ResourceKind::Submission, body, (now, now)).unwrap();
    resource_detail::store(&pool, &[(read.resource.clone(), ResourceDetail::default())]).await.unwrap();
    let resource = read.resource.clone();
    assert_eq!(api_read::insert(&pool, &[read]).await.unwrap(), 1);
    assert_eq!(resource_detail::load(&pool, &[resource]).await.unwrap().len(), 1);
    assert!(reconcile_run::progress(&pool, run, &RunProgress::default()).await.unwrap());
    reconcile_run::finish(&pool, run, &RunProgress::default(), None).await.unwrap();
    assert!(track::to_read_again(&pool, account, 10).await.unwrap().is_empty());
    assert!(track::unfinished_files(&pool, account, 10).await.unwrap().is_empty());
    assert!(missing_callback::decide(&pool, std::time::Duration::ZERO).await.unwrap().is_empty());
    assert!(account::first_registered_at(&pool, account).await.unwrap().is_some());
    let runtime = pool_of(database, "eqp_runtime");
    assert!(account::delete_access_key(&runtime, account).await.unwrap());
    assert!(!account::delete_access_key(&runtime, account).await.unwrap());
}

/// Declares subscriptions, and passes an alert to a fallback.
async fn deliveries_run_with_the_privileges_of_their_role(database: &TestDatabase, key: &Path) {
    let key = MasterKey::open(key).unwrap();
    let pool = pool_of(database, "eqp_deliver");
    let subscriptions = Subscriptions::new(pool.clone());
    let new = |name: &str| NewSubscription::new(name, HandlerDefinition::Exec(ExecDefinition::new("unknown")));
    let (mut first, mut second) = (new("first"), new("second"));
    first.filter.alerts = vec!["page".to_owned()];
    first.secrets.signing = vec![Secret::new("hush")];
    second.fallback = Some(Fallback::of("first"));
    let declared = [first.clone(), second.clone()];
    assert_eq!(subscriptions.declare("eqp.toml", &declared, &key).await.unwrap().created.len(), 2);
    first.secrets.signing = vec![Secret::new("another")];
    assert_eq!(subscriptions.declare("eqp.toml", &[first, second], &key).await.unwrap().changed, ["first"]);
    subscriptions.pause("first", "a test").await.unwrap();

    let now = OffsetDateTime::now_utc();
    let mut connection = pool_of(database, "eqp_reconcile").acquire().await.unwrap();
    let subject = AlertSubject { kind: "spool_not_empty".to_owned(), account: None, key: String::new() };
    let id = alert::open(&mut connection, &subject, AlertSeverity::Page, "{}", now).await.unwrap();
    let change = NewAlertChange {
        alert: Some(id),
        change: AlertChangeKind::Opened,
        at: now,
        by: None,
        note: None,
        data: "{}",
        severity: AlertSeverity::Page,
        notify_after: now,
    };
    alert_log::append(&mut connection, &change).await.unwrap();
    let shutdown = CancellationToken::new();
    let delivering = DeliverService::new(pool, key, HandlerEnvironment::default()).run(shutdown.clone());
    let delivering = tokio::spawn(delivering);
    let runtime = pool_of(database, "eqp_runtime");
    eqp_test_support::receiver::until("the fallback is notified", || async {
        alert_notification::of_alert(&runtime, id).await.unwrap().iter().any(|one| one.is_fallback)
    })
    .await;
    shutdown.cancel();
    delivering.await.unwrap();
}

fn succeeded(ended: &Ended) {
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// A server that only reconciles, with an access key that the tool has stored and cannot read.
async fn a_server_reconciles_with_the_privileges_of_its_role(vendor: &TestVendor, admin: &mut PgConnection) {
    succeeded(&vendor.home.run_aside(&["accounts", "add"]));
    become_role(admin, &vendor.database, "eqp_reconcile").await;
    let mut serve = vendor.home.start(&["serve", "--role", "reconcile", "--json"]);
    tokio::task::block_in_place(|| serve.json_line());
    let ended = async {
        let run = "select error from eqp.reconcile_run where finished_at is not null limit 1";
        loop {
            if let Some(error) = sqlx::query_scalar(run).fetch_optional(&mut *admin).await.unwrap() {
                return error;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let error: Option<String> =
        tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.expect("a run ends");
    assert_eq!(error, None);
    serve.terminate();
    tokio::task::block_in_place(|| succeeded(&serve.end()));
    become_role(admin, &vendor.database, "eqp_runtime").await;
}

/// A server that only delivers, with a replay that the tool has requested.
async fn a_server_replays_with_the_privileges_of_its_role(vendor: &TestVendor, admin: &mut PgConnection) {
    become_role(admin, &vendor.database, "eqp_deliver").await;
    let mut serve = vendor.home.start(&["serve", "--role", "deliver", "--json"]);
    tokio::task::block_in_place(|| serve.json_line());
    let created = async {
        let complete = "select created from eqp.replay where completed_at is not null";
        loop {
            if let Some(created) = sqlx::query_scalar::<_, i64>(complete).fetch_optional(&mut *admin).await.unwrap() {
                return created;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let created =
        tokio::time::timeout(std::time::Duration::from_secs(30), created).await.expect("the replay is created");
    assert_eq!(created, 2);
    serve.terminate();
    tokio::task::block_in_place(|| succeeded(&serve.end()));
    become_role(admin, &vendor.database, "eqp_runtime").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_runs_with_the_privileges_of_its_role_only() {
    let vendor = TestVendor::start(crate::EQP).await;
    let (home, database) = (&vendor.home, &vendor.database);
    let mut admin = PgConnection::connect_with(&database.options).await.unwrap();

    // Only the migrator can create the tables.
    run_script(&mut admin).await;
    for role in ["eqp_runtime", "eqp_reconcile", "eqp_accept"] {
        become_role(&mut admin, database, role).await;
        let refused = home.run_aside(&["migrate"]);
        assert!(refused.code == 3 && refused.stderr.contains("grant create on database"), "{refused:?}");
    }
    become_role(&mut admin, database, "eqp_migrator").await;
    succeeded(&home.run_aside(&["migrate"]));
    run_script(&mut admin).await;
    for table in ["callback", "sealed_secret"] {
        let owner: String =
            sqlx::query_scalar("select tableowner from pg_tables where schemaname = 'eqp' and tablename = $1")
                .bind(table)
                .fetch_one(&mut admin)
                .await
                .unwrap();
        assert_eq!(owner, "eqp_migrator");
    }

    // The receiver, the projector and the tool.
    become_role(&mut admin, database, "eqp_runtime").await;
    let (serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    succeeded(&home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url, "--yes"]));
    assert_eq!(vendor.send("malware_scan_complete", scan("one")).await, [200]);
    succeeded(&home.run_aside(&["callbacks", "rotate", "--name", "main", "--grace", "0s", "--yes"]));
    assert_eq!(vendor.send("malware_scan_complete", scan("two")).await, [200]);
    vendor.is_projected().await;
    for command in [
        &["events", "list"][..],
        &["submissions", "list"],
        &["status"],
        &["find", "one"],
        &["files", "list"],
        &["callbacks", "plan"],
        &["reproject", "--since", "1d"],
        &["retention", "--older-than", "1d"],
        &["migrate", "--dry-run"],
        &["subscriptions", "add", "note", "--exec", "note"],
        &["events", "replay", "--since", "1d", "--no-wait", "--yes"],
        &["replays", "list"],
        &["deliveries", "list"],
        &["doctor", "--canary"],
    ] {
        succeeded(&home.run_aside(command));
    }
    let state = "select count(*) from eqp.credential where state = 'retired'";
    let retired = async {
        while sqlx::query_scalar::<_, i64>(state).fetch_one(&mut admin).await.unwrap() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), retired).await.expect("the old credential is retired");
    serve.terminate();
    tokio::task::block_in_place(|| succeeded(&serve.end()));

    a_server_reconciles_with_the_privileges_of_its_role(&vendor, &mut admin).await;
    a_server_replays_with_the_privileges_of_its_role(&vendor, &mut admin).await;

    let examined = home.run_aside(&["doctor"]);
    assert!(
        examined.stdout.contains("privileges: the role eqp_runtime has the privileges of a server"),
        "{examined:?}"
    );
    assert!(
        canary::usable(&pool_of(database, "eqp_accept")).await.is_ok(),
        "receivers load the credentials of canaries"
    );

    // A receiver that only accepts. Without a spool, 200 means that Postgres has stored it.
    let options = database.options.clone().options([("role", "eqp_accept")]);
    let key = MasterKey::open(&home.path().join("data/master.key")).unwrap();
    let receiver = Receiver::builder(options).master_key(key).accept_only().listen(([127, 0, 0, 1], 0).into());
    let receiver = receiver.build().await.unwrap();
    let at = format!("http://{}/callbacks/main", receiver.local_addr());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(receiver.run(shutdown.clone()));
    succeeded(&home.run_aside(&["trigger", "malware_scan_complete", "--to", "main", "--at", &at]));
    let heartbeats: i64 = sqlx::query_scalar("select count(*) from eqp.receiver").fetch_one(&mut admin).await.unwrap();
    assert_eq!(heartbeats, 1);
    shutdown.cancel();
    running.await.unwrap().unwrap();
    let waiting: i64 =
        sqlx::query_scalar("select count(*) from eqp.callback_pending").fetch_one(&mut admin).await.unwrap();
    assert_eq!(waiting, 1, "it is left to a projector");
    let listed = home.run_aside(&["events", "list", "--json"]);
    assert!(listed.code == 0 && listed.stderr.contains("have not been projected yet, the oldest since"), "{listed:?}");

    // A role that lacks a right is sent to the script.
    become_role(&mut admin, database, "eqp_accept").await;
    for command in [&["events", "list"][..], &["submissions", "list"]] {
        let refused = home.run_aside(command);
        assert!(refused.code == 3 && refused.stderr.contains("permission denied"), "{refused:?}");
        assert!(refused.stderr.contains("roles.sql"), "{refused:?}");
    }
    let doctor = home.run_aside(&["doctor"]);
    assert!(doctor.stdout.contains("roles.sql") || doctor.stderr.contains("roles.sql"), "{doctor:?}");

    access_keys_are_stored_by_the_tool_and_read_by_reconciliation(database, &home.path().join("data/master.key")).await;

    deliveries_run_with_the_privileges_of_their_role(database, &home.path().join("data/master.key")).await;

    let denied = Some("42501".to_owned());
    for (role, statement) in REFUSED {
        assert_eq!(refusal(database, role, statement).await, denied, "{role}: {statement}");
    }
    // The roles belong to the whole server; their privileges in this database end with it.
    become_role(&mut admin, database, "none").await;
}
