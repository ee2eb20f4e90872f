//! One process with a private Postgres of its own.

use std::time::Instant;

use eqp_postgres::{EmbeddedPostgres, temporary_folder};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn starts_in_an_empty_folder_and_again_in_a_used_one() {
    let folder = temporary_folder().expect("a folder");

    let begun = Instant::now();
    let postgres = EmbeddedPostgres::builder(&folder).start().await.expect("a first start");
    println!("first start: {:?}", begun.elapsed());
    postgres.ensure_database("kept").await.expect("a database");
    postgres.ensure_database("kept").await.expect("the same database");
    let mut connection = PgConnection::connect_with(&postgres.connect_options("kept")).await.expect("an answer");
    sqlx::query("create table note (text text)").execute(&mut connection).await.expect("a table");
    sqlx::query("insert into note values ('here')").execute(&mut connection).await.expect("a row");
    let begun = Instant::now();
    postgres.stop().await.expect("a stop, with a client connected");
    println!("stop: {:?}", begun.elapsed());

    let begun = Instant::now();
    let postgres = EmbeddedPostgres::builder(&folder).remove_on_stop(true).start().await.expect("a later start");
    println!("later start: {:?}", begun.elapsed());
    let mut connection = PgConnection::connect(&postgres.url("kept")).await.expect("an answer by URL");
    let text: String = sqlx::query_scalar("select text from note").fetch_one(&mut connection).await.expect("the row");
    assert_eq!(text, "here");
    postgres.stop().await.expect("a stop");
    assert!(!folder.exists(), "the folder was to be removed");
}
