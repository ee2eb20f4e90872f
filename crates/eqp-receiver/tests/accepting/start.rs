//! A receiver that cannot start reports the reason and what to do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use eqp_receiver::{Builder, Error, Receiver, Tls};
use eqp_store::{Endpoints, MasterKey, Store};
use eqp_test_support::TestDatabase;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Executor};

async fn migrated() -> TestDatabase {
    let database = TestDatabase::create().await;
    Store::new(database.pool.clone()).migrate().await.unwrap();
    database
}

fn builder(options: &PgConnectOptions) -> Builder {
    let key = MasterKey::ephemeral().unwrap();
    Receiver::builder(options.clone()).master_key(key).listen((Ipv4Addr::LOCALHOST, 0).into())
}

async fn refusal(builder: Builder) -> Error {
    builder.build().await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn without_tables_starting_fails_and_suggests_to_migrate() {
    let database = TestDatabase::create().await;
    let error = refusal(builder(&database.options)).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::NotMigrated)), "{error:?}");
    assert!(error.to_string().contains("migrations must be applied"), "{error}");
}

#[tokio::test]
async fn migrating_twice_changes_nothing_and_missing_migrations_are_noticed() {
    let database = migrated().await;
    Store::new(database.pool.clone()).migrate().await.unwrap();
    database.pool.execute("delete from eqp._sqlx_migrations").await.unwrap();
    let error = refusal(builder(&database.options)).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::NotMigrated)), "{error:?}");
}

#[tokio::test]
async fn a_newer_schema_is_not_changed() {
    let database = migrated().await;
    let newer = "insert into eqp._sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9000, 'from the future', true, '', 0)";
    database.pool.execute(newer).await.unwrap();
    let error = refusal(builder(&database.options)).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::NewerSchema { found: 9000, .. })), "{error:?}");
    assert!(matches!(Store::new(database.pool.clone()).migrate().await, Err(eqp_store::Error::NewerSchema { .. })));
}

#[tokio::test]
async fn a_database_of_version_0_1_is_not_changed() {
    let database = TestDatabase::create().await;
    let previous = "create schema eqp;
        create table eqp._sqlx_migrations (version bigint primary key, description text not null,
            installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
            execution_time bigint not null);
        insert into eqp._sqlx_migrations (version, description, success, checksum, execution_time)
            values (1, 'accounts and endpoints', true, '', 0), (14, 'handler dead letters', true, '', 0)";
    database.pool.execute(previous).await.unwrap();
    let error = refusal(builder(&database.options)).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::PreviousVersion)), "{error:?}");
    assert!(matches!(Store::new(database.pool.clone()).migrate().await, Err(eqp_store::Error::PreviousVersion)));
    assert!(matches!(
        eqp_store::internal::schema::migrations(&database.pool).await,
        Err(eqp_store::Error::PreviousVersion)
    ));
    let tables: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'eqp'")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(tables, 1, "nothing is created");
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_refused() {
    let database = migrated().await;
    let name = database.options.get_database().unwrap();
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    database.pool.execute(AssertSqlSafe(read_only)).await.unwrap();
    let error = refusal(builder(&database.options)).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::DatabaseReadOnly)) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_missing_database_is_reported() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port);
    let error = refusal(builder(&options)).await;
    assert!(
        matches!(error, Error::Store(eqp_store::Error::DatabaseUnreachable(_))) && error.is_retryable(),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let database = migrated().await;
    let key = MasterKey::ephemeral().unwrap();
    let same = |key: &MasterKey| builder(&database.options).master_key(key.clone());
    Endpoints::open(database.pool.clone(), key.clone()).await.unwrap();
    same(&key).build().await.unwrap();
    let other = MasterKey::ephemeral().unwrap();
    let error = refusal(same(&other)).await;
    assert!(matches!(error, Error::Store(eqp_store::Error::OtherMasterKey)), "{error:?}");
    assert!(error.to_string().contains("key file"));
    assert!(matches!(Endpoints::open(database.pool.clone(), other).await, Err(eqp_store::Error::OtherMasterKey)));
    let none = Receiver::builder(database.options.clone()).listen((Ipv4Addr::LOCALHOST, 0).into());
    assert!(matches!(refusal(none).await, Error::NoMasterKey));
}

#[tokio::test]
async fn plain_http_is_for_loopback_and_proxies_only() {
    let database = migrated().await;
    let everywhere: SocketAddr = (Ipv4Addr::UNSPECIFIED, 0).into();
    let error = refusal(builder(&database.options).listen(everywhere)).await;
    assert!(matches!(error, Error::PlainHttp { .. }), "{error:?}");
    assert!(error.to_string().contains("behind_proxy"));
    let key = MasterKey::ephemeral().unwrap();
    for (address, behind_proxy) in [((Ipv4Addr::LOCALHOST, 0).into(), false), (everywhere, true)] {
        let allowed = builder(&database.options).master_key(key.clone()).listen(address).behind_proxy(behind_proxy);
        assert_ne!(allowed.build().await.unwrap().local_addr().port(), 0);
    }
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let database = migrated().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let error = refusal(builder(&database.options).listen(address)).await;
    assert!(matches!(error, Error::Listen { address: refused, .. } if refused == address), "{error:?}");
}

#[tokio::test]
async fn a_folder_that_holds_no_ca_is_refused() {
    let database = migrated().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("local-ca.key"), "no key").unwrap();
    let tls = Tls::LocalCa { folder: folder.path().to_owned(), names: vec!["localhost".to_owned()] };
    assert!(matches!(refusal(builder(&database.options).tls(tls)).await, Error::Tls(_)));
}
