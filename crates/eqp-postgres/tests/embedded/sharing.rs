//! Tests several processes that use one folder.

use eqp_postgres::EmbeddedPostgres;
use sqlx::{Connection, PgConnection};

use crate::member::{Member, Scratch};

#[tokio::test]
async fn a_second_process_joins_and_the_last_one_stops_it() {
    let scratch = Scratch::new();
    let first = Member::of(&scratch.data_folder());
    assert!(first.started(), "{}", first.said);
    let second = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a join");
    assert!(second.joined());
    let server = scratch.server_pid();
    assert!(server.is_some());

    first.leave();
    assert_eq!(scratch.server_pid(), server, "the server was to stay for the second");
    PgConnection::connect_with(&second.connect_options("postgres")).await.expect("an answer");
    second.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), None, "the last one was to stop it");
}

#[tokio::test]
async fn two_that_start_at_the_same_moment_share_one_server() {
    let scratch = Scratch::new();
    let folder = scratch.data_folder();
    let start = || EmbeddedPostgres::builder(&folder).start();
    let (one, other) = tokio::join!(start(), start());
    let (one, other) = (one.expect("a start"), other.expect("a start"));
    assert_ne!(one.joined(), other.joined(), "one starts, one joins");
    one.stop().await.expect("a stop");
    PgConnection::connect_with(&other.connect_options("postgres")).await.expect("an answer");
    other.stop().await.expect("a stop");
}

#[tokio::test]
async fn one_who_waits_while_the_folder_is_removed_makes_it_anew() {
    let scratch = Scratch::new();
    let folder = scratch.data_folder();
    let first = EmbeddedPostgres::builder(&folder).remove_on_stop(true).start().await.expect("a start");
    let (stopped, next) = tokio::join!(first.stop(), EmbeddedPostgres::builder(&folder).start());
    stopped.expect("a stop");
    let next = next.expect("a start");
    PgConnection::connect_with(&next.connect_options("postgres")).await.expect("an answer");
    next.stop().await.expect("a stop");
}
