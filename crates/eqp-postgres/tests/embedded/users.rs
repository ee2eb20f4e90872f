//! Tests as which user the server runs, and which users may connect.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use eqp_postgres::{EmbeddedPostgres, Error};

use crate::member::{Member, Scratch, server_pid};

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("did not run: it needs root");
    }
    root
}

#[tokio::test]
async fn root_runs_it_as_somebody_else() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start as root");
    let data = fs::metadata(scratch.data_folder().join("data")).expect("the data");
    assert_ne!(data.uid(), 0);
    assert_eq!(fs::metadata(scratch.data_folder()).expect("the folder").uid(), 0, "the folder itself stays root's");
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_folder_that_the_server_cannot_reach_is_named() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let barrier = scratch.path().join("private");
    fs::create_dir(&barrier).expect("a folder");
    fs::set_permissions(&barrier, PermissionsExt::from_mode(0o700)).expect("a closed folder");
    let error = EmbeddedPostgres::builder(barrier.join("a/b")).start().await.expect_err("it cannot enter");
    match &error {
        Error::NotEnterable { barrier: named, .. } => assert_eq!(named, &fs::canonicalize(&barrier).expect("a path")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unprivileged_user_runs_it_as_itself() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let home = scratch.path().join("home");
    fs::create_dir(&home).expect("a folder");
    chown(&home, Some(NOBODY), Some(NOBODY)).expect("a folder of nobody's");
    let launcher = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let member = Member::through(&launcher, &home.join("db"), &scratch.path().join("member"));
    assert!(member.started(), "{}", member.said);
    let data = fs::metadata(home.join("db/data")).expect("the data");
    assert_eq!(data.uid(), NOBODY);

    // Root may use it too: it joins, and the server still belongs to its owner.
    let root = Member::of(&home.join("db"));
    assert!(root.joined(), "{}", root.said);
    root.leave();
    assert!(server_pid(&home.join("db")).is_some());
    member.leave();
    assert_eq!(server_pid(&home.join("db")), None);
}

#[test]
fn a_user_without_a_name_runs_it_as_itself() {
    const NAMELESS: u32 = 4_123_456;
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let home = scratch.path().join("home");
    fs::create_dir(&home).expect("a folder");
    chown(&home, Some(NAMELESS), Some(NAMELESS)).expect("a folder of its own");
    let user = format!("{NAMELESS}");
    let launcher = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"];
    let mut namespace = Command::new(launcher[0]);
    namespace.args(&launcher[1..]).args(["unshare", "--user", "--map-user=65534", "true"]);
    let has_namespaces = namespace.status().is_ok_and(|status| status.success());
    let member = Member::through(&launcher, &home.join("db"), &scratch.path().join("member"));
    if has_namespaces {
        assert!(member.started(), "{}", member.said);
        assert_eq!(fs::metadata(home.join("db/data")).expect("the data").uid(), NAMELESS);
        // The next start creates no cluster, and root may still use it.
        let root = Member::of(&home.join("db"));
        assert!(root.joined(), "{}", root.said);
        root.leave();
    } else {
        assert!(member.said.starts_with("failed NamelessUser"), "{}", member.said);
    }
    member.leave();
    assert_eq!(server_pid(&home.join("db")), None);
}

#[test]
fn the_server_lets_in_only_whoever_runs_the_tool() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let member = Member::of(&scratch.data_folder());
    assert!(member.started(), "{}", member.said);
    let data = fs::metadata(scratch.data_folder().join("data")).expect("the data");
    // The user of the server can reach the socket, but is rejected.
    let url = member.said.trim_start_matches("started ").to_owned();
    let as_server = Command::new("setpriv")
        .args([&format!("--reuid={}", data.uid()), &format!("--regid={}", data.gid()), "--clear-groups"])
        .args(["psql", &url, "-c", "select 1"])
        .output();
    match as_server {
        Ok(refused) => {
            assert!(!refused.status.success());
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(said.contains("eer authentication failed"), "{said}");
        }
        Err(_) => println!("did not run: there is no psql or setpriv"),
    }
    member.leave();
}
