//! Reconcile runs: one at a time per account, and what they leave for the next one.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_store::internal::{
    LastRuns, Resource, ResourceDetail, RunKind, RunProgress, account, reconcile_run, resource_detail,
};
use eqp_store::{MasterKey, ResourceKind};
use eqp_test_support::callbacks::CallbackDatabase;
use eqp_types::{Secret, Timestamp};
use sqlx::{AssertSqlSafe, Executor};
use time::OffsetDateTime;

fn progress(resources: u64, newest_modified_at: Option<Timestamp>) -> RunProgress {
    RunProgress { resources, stored: 1, newest_modified_at }
}

#[tokio::test]
async fn an_account_has_one_active_run_until_it_is_finished_or_interrupted() {
    let database = CallbackDatabase::new().await;
    let (pool, account) = (&database.pool, database.account);
    let beside = database.beside("sandbox", "MAG000000007", "beside").await;
    let first = reconcile_run::begin(pool, account, RunKind::Incremental).await.unwrap().unwrap();
    assert_eq!(reconcile_run::begin(pool, account, RunKind::Full).await.unwrap(), None);
    assert!(reconcile_run::begin(pool, beside.account, RunKind::Full).await.unwrap().is_some());
    assert!(reconcile_run::progress(pool, first, &progress(3, None)).await.unwrap());

    pool.execute("update eqp.reconcile_run set heartbeat_at = now() - interval '6 minutes'").await.unwrap();
    let second = reconcile_run::begin(pool, account, RunKind::Full).await.unwrap().unwrap();
    assert!(!reconcile_run::progress(pool, first, &progress(4, None)).await.unwrap(), "it was taken for dead");
    reconcile_run::finish(pool, first, &progress(4, None), None).await.unwrap();
    reconcile_run::finish(pool, second, &progress(9, None), Some("a\0b")).await.unwrap();
    let runs: Vec<(i64, i64, Option<String>)> =
        sqlx::query_as("select id, resources, error from eqp.reconcile_run where account_id = $1 order by id")
            .bind(account.0)
            .fetch_all(pool)
            .await
            .unwrap();
    let error = |text: &str| Some(text.to_owned());
    assert_eq!(runs, [(first.0, 3, error("interrupted: no progress for five minutes")), (second.0, 9, error("ab"))]);
}

#[tokio::test]
async fn only_successful_runs_count_as_the_last_ones() {
    let database = CallbackDatabase::new().await;
    let (pool, account) = (&database.pool, database.account);
    assert_eq!(reconcile_run::last(pool, account).await.unwrap(), LastRuns::default());
    let newest: Timestamp = "2022-08-25 19:20:21".parse().unwrap();
    let later: Timestamp = "2022-08-25 19:20:22".parse().unwrap();
    for (kind, newest, error) in [
        (RunKind::Full, newest, None),
        (RunKind::Incremental, later, Some("the Marketplace answered 503")),
        (RunKind::Selected, later, None),
    ] {
        let run = reconcile_run::begin(pool, account, kind).await.unwrap().unwrap();
        reconcile_run::finish(pool, run, &progress(1, Some(newest)), error).await.unwrap();
    }
    let last = reconcile_run::last(pool, account).await.unwrap();
    assert_eq!(last.newest_modified_at, Some(newest));
    assert!(last.full_at.is_some() && last.succeeded_at == last.full_at);
    let summary = account::list(pool).await.unwrap().remove(0);
    assert_eq!((summary.endpoints, summary.first_registered_at), (vec!["main".to_owned()], None));
    assert_eq!(summary.last_run.unwrap().kind, RunKind::Selected);
    assert!(summary.access_key.is_none());
}

#[tokio::test]
async fn old_runs_are_deleted_but_not_those_that_the_next_run_continues_from() {
    let database = CallbackDatabase::new().await;
    let (pool, account) = (&database.pool, database.account);
    let fill = format!(
        "insert into eqp.reconcile_run (account_id, kind, started_at, finished_at, newest_modified_at, error)
         select {account}, case when n = 1 then 'full' else 'incremental' end, now() - make_interval(days => 200 - n),
                now(), '2022-08-25', case when n > 150 then 'down' end
         from generate_series(1, 190) as n"
    );
    pool.execute(AssertSqlSafe(fill)).await.unwrap();
    reconcile_run::begin(pool, account, RunKind::Incremental).await.unwrap().unwrap();
    let (all, full_runs): (i64, i64) =
        sqlx::query_as("select count(*), count(*) filter (where kind = 'full') from eqp.reconcile_run")
            .fetch_one(pool)
            .await
            .unwrap();
    // 80 of the last 90 days, the only full one, and the new one. The newest successful incremental one is among the 80.
    assert_eq!((all, full_runs), (82, 1));
    assert!(reconcile_run::last(pool, account).await.unwrap().newest_modified_at.is_some());
}

#[tokio::test]
async fn details_are_replaced_by_those_of_a_newer_version() {
    let database = CallbackDatabase::new().await;
    let pool = &database.pool;
    let resource = Resource { account_id: database.account.0, kind: ResourceKind::Submission, id: "s1".to_owned() };
    let detail = |second: &str, name: &str| ResourceDetail {
        modified_at: Some(format!("2022-08-25 19:20:{second}").parse().unwrap()),
        sku: Some("acme/checkout".to_owned()),
        version: Some("1.2.0".to_owned()),
        name: Some(name.to_owned()),
        package_type: Some("extension".to_owned()),
        is_patch: Some(true),
        artifact_id: Some("1.2".to_owned()),
        details: Some(r#"{"tools": ["phpcs"]}"#.to_owned()),
    };
    for (stored, expected) in [
        (detail("20", "first"), "first"),
        (detail("30", "second"), "second"),
        (detail("25", "outdated"), "second"),
        (detail("30", "again"), "again"),
    ] {
        resource_detail::store(pool, &[(resource.clone(), stored)]).await.unwrap();
        let found = resource_detail::load(pool, std::slice::from_ref(&resource)).await.unwrap();
        assert_eq!(found[&resource].name.as_deref(), Some(expected));
        assert_eq!(found[&resource].details.as_deref(), Some(r#"{"tools": ["phpcs"]}"#));
    }
}

#[tokio::test]
async fn an_access_key_is_sealed_in_the_database_and_opened_for_its_account() {
    let database = CallbackDatabase::new().await;
    let beside = database.beside("sandbox", "MAG000000007", "beside").await;
    let keys =
        eqp_store::internal::AccessKeys::open(database.pool.clone(), MasterKey::ephemeral().unwrap()).await.unwrap();
    assert!(keys.get(database.account).await.unwrap().is_none());
    let before = OffsetDateTime::now_utc() - time::Duration::MINUTE;
    keys.store(database.account, "app-1", "https://api/", Some(&Secret::new("hush-hush"))).await.unwrap();
    let stored = keys.get(database.account).await.unwrap().unwrap();
    assert_eq!((stored.application_id.as_str(), stored.application_secret.expose()), ("app-1", "hush-hush"));
    assert!(stored.verified_at > before);
    assert!(!format!("{keys:?} {stored:?}").contains("hush-hush"));
    let row: String = sqlx::query_scalar("select access_key::text || encode(ciphertext, 'escape') from eqp.access_key")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert!(!row.contains("hush"), "{row}");
    // A row that was copied to another account does not open.
    let copy = format!(
        "insert into eqp.access_key select {}, application_id, api_url, key_id, nonce, ciphertext, verified_at \
         from eqp.access_key",
        beside.account
    );
    database.pool.execute(AssertSqlSafe(copy)).await.unwrap();
    let error = keys.get(beside.account).await.unwrap_err();
    assert!(matches!(error, eqp_store::Error::CannotUnsealAccessKey { .. }), "{error}");
    // Nor does one whose API was changed.
    database.pool.execute("update eqp.access_key set api_url = 'https://other/'").await.unwrap();
    let error = keys.get(database.account).await.unwrap_err();
    assert!(matches!(error, eqp_store::Error::CannotUnsealAccessKey { .. }), "{error}");
    assert!(account::delete_access_key(&database.pool, database.account).await.unwrap());
    assert!(keys.get(database.account).await.unwrap().is_none());
}
