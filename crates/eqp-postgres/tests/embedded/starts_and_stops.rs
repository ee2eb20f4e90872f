//! Tests one process with its own embedded Postgres.

use eqp_postgres::{EmbeddedPostgres, Progress};
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;

use crate::member::{Member, Scratch};

#[tokio::test]
async fn keeps_its_data_from_one_start_to_the_next() {
    let scratch = Scratch::new();
    let folder = scratch.data_folder();

    let postgres = EmbeddedPostgres::builder(&folder).start().await.expect("a first start");
    postgres.ensure_database("kept").await.expect("a database");
    postgres.ensure_database("kept").await.expect("the same database");
    let mut client = PgConnection::connect_with(&postgres.connect_options("kept")).await.expect("an answer");
    sqlx::query("create table note (text text)").execute(&mut client).await.expect("a table");
    sqlx::query("insert into note values ('here')").execute(&mut client).await.expect("a row");
    postgres.stop().await.expect("a stop, with a client connected");

    let postgres = EmbeddedPostgres::builder(&folder).remove_on_stop(true).start().await.expect("a later start");
    let mut client = PgConnection::connect(&postgres.url("kept")).await.expect("an answer by URL");
    let text: String = sqlx::query_scalar("select text from note").fetch_one(&mut client).await.expect("the row");
    assert_eq!(text, "here");
    postgres.stop().await.expect("a stop");
    assert!(!folder.exists(), "the folder was to be removed");
}

#[tokio::test]
async fn a_database_may_have_any_name() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let name = "it's a \"name\"/ünïcode?x=1";
    postgres.ensure_database(name).await.expect("a database");
    let mut client = PgConnection::connect(&postgres.url(name)).await.expect("an answer by URL");
    let found: String = sqlx::query_scalar("select current_database()").fetch_one(&mut client).await.expect("a name");
    assert_eq!(found, name);
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn is_durable_and_deaf_to_the_network() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let mut client = PgConnection::connect_with(&postgres.connect_options("postgres")).await.expect("an answer");
    let settings = [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ];
    for (name, expected) in settings {
        let value: String =
            sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&mut client).await.expect("a value");
        assert_eq!(value, expected, "{name}");
    }
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_drop_stops_it_too() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    assert!(scratch.server_pid().is_some());
    drop(postgres);
    assert_eq!(scratch.server_pid(), None);
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_leaves_nothing_running() {
    let scratch = Scratch::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let builder = EmbeddedPostgres::builder(scratch.data_folder()).progress(move |step| drop(tell.send(step)));
    tokio::select! {
        _ = builder.start() => panic!("it was to be given up"),
        () = async { while told.recv().await != Some(Progress::Starting) {} } => {}
    }
    let again = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("another start");
    assert!(!again.joined(), "the first server was to be stopped");
    again.stop().await.expect("a stop");
}

#[test]
fn the_environment_of_the_tool_has_no_say() {
    let scratch = Scratch::new();
    let member = Member::with(&scratch.data_folder(), |command| {
        let misleading = [
            ("PGDATA", "/nonexistent"),
            ("PGPORT", "1"),
            ("PGHOST", "example.invalid"),
            ("PGUSER", "nobody-at-all"),
            ("PGSSLMODE", "verify-full"),
            ("PGTZ", "Asia/Tokyo"),
            ("PGDATESTYLE", "German"),
            ("LC_ALL", "xx_YY.nonsense"),
        ];
        command.envs(misleading);
    });
    assert!(member.started(), "{}", member.said);
    member.leave();
}
