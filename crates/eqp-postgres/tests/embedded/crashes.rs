//! Tests the leftovers of a killed process, a killed server and a restarted machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use eqp_postgres::{EmbeddedPostgres, Error};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, PgConnection};

use crate::member::{Member, Scratch};

#[tokio::test]
async fn a_killed_tool_leaves_a_server_that_the_next_one_joins_and_stops() {
    let scratch = Scratch::new();
    let first = Member::of(&scratch.data_folder());
    let server = scratch.server_pid();
    first.kill();

    let next = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a join");
    assert!(next.joined());
    assert_eq!(scratch.server_pid(), server);
    next.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), None);
}

#[tokio::test]
async fn what_a_killed_tool_left_is_stopped_and_removed_unless_somebody_uses_it() {
    let scratch = Scratch::new();
    let folder = scratch.data_folder();
    let member = Member::of(&folder);
    let in_use = EmbeddedPostgres::stop_abandoned(&folder).await;
    assert!(matches!(in_use, Err(Error::Busy { .. })), "{in_use:?}");
    assert!(scratch.server_pid().is_some(), "it was left alone");
    member.kill();

    EmbeddedPostgres::stop_abandoned(&folder).await.expect("a stop");
    assert!(scratch.server_pid().is_none() && !folder.exists());
    EmbeddedPostgres::stop_abandoned(&folder).await.expect("nothing to do");
}

#[tokio::test]
async fn a_killed_server_starts_again_with_everything_committed() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let mut client = PgConnection::connect_with(&postgres.connect_options("postgres")).await.expect("an answer");
    sqlx::query("create table note as select 'here' as text").execute(&mut client).await.expect("a table");
    let pid = scratch.server_pid().and_then(Pid::from_raw).expect("a server");
    kill_process(pid, Signal::KILL).expect("a kill");

    // Its other processes may still be ending, and this process still counts as a user.
    let next = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start after the crash");
    assert!(!next.joined());
    let mut client = PgConnection::connect_with(&next.connect_options("postgres")).await.expect("an answer");
    let text: String = sqlx::query_scalar("select text from note").fetch_one(&mut client).await.expect("the row");
    assert_eq!(text, "here");
    postgres.stop().await.expect("a stop");
    next.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_stale_pid_file_that_names_somebody_else_is_seen_through() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let pid_file = scratch.data_folder().join("data/postmaster.pid");
    let text = fs::read_to_string(&pid_file).expect("a pid file");
    let server = scratch.server_pid().expect("a server").to_string();
    postgres.stop().await.expect("a stop");

    // As after a restart of a container: another process of the same user has the same ID.
    let owner = fs::metadata(scratch.data_folder().join("data")).expect("the data");
    let mut other = Command::new("sleep").arg("60").uid(owner.uid()).gid(owner.gid()).spawn().expect("a process");
    fs::write(&pid_file, text.replacen(&server, &other.id().to_string(), 1)).expect("a stale file");

    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start all the same");
    assert!(!postgres.joined());
    postgres.stop().await.expect("a stop");
    assert!(other.try_wait().expect("a state").is_none(), "the other process is none of our business");
    other.kill().expect("its end");
    other.wait().expect("its end");
}

#[tokio::test]
async fn a_cluster_that_was_never_finished_is_made_anew() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    postgres.stop().await.expect("a stop");
    let (data, unfinished) = (scratch.data_folder().join("data"), scratch.data_folder().join("data.unfinished"));
    fs::rename(&data, &unfinished).expect("a cluster halfway");
    fs::remove_dir_all(unfinished.join("base")).expect("a cluster halfway");

    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start from nothing");
    postgres.stop().await.expect("a stop");
    assert!(data.join("base").exists() && !unfinished.exists());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    postgres.stop().await.expect("a stop");
    fs::write(scratch.data_folder().join("data/local.conf"), "shared_buffers = 'plenty'\n").expect("a bad setting");

    let error = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect_err("it cannot start");
    assert!(matches!(&error, Error::NotStarted { .. }), "{error:?}");
    assert!(error.to_string().contains("local.conf"), "{error}");
}
