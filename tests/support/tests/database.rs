//! The harness itself: databases are separate, and removed afterwards.

use eqp_test_support::TestDatabase;

#[tokio::test]
async fn a_database_is_empty_and_gone_after_its_test() {
    let (one, other) = (TestDatabase::create().await, TestDatabase::create().await);
    sqlx::query("create table note (text text)").execute(&one.pool).await.expect("a table");
    let seen: bool =
        sqlx::query_scalar("select to_regclass('note') is not null").fetch_one(&other.pool).await.expect("an answer");
    assert!(!seen, "tests must not see each other");

    let name = one.options.get_database().expect("a name").to_owned();
    drop(one);
    let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&name)
        .fetch_one(&other.pool)
        .await
        .expect("an answer");
    assert!(!there, "{name} was to be removed");
}
