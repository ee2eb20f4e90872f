//! Tests which folders are accepted, and that others are left unchanged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use eqp_postgres::{EmbeddedPostgres, Error};
use sqlx::{Connection, PgConnection};

use crate::member::{Member, Scratch};

#[tokio::test]
async fn a_folder_with_other_things_is_refused_untouched() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.data_folder()).expect("a folder");
    fs::write(scratch.data_folder().join("thesis.txt"), "years of work").expect("a file");

    let error = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect_err("it is not ours");
    assert!(matches!(&error, Error::ForeignFolder { .. }), "{error:?}");
    assert!(error.to_string().contains("thesis.txt"), "{error}");
    let left: Vec<_> = fs::read_dir(scratch.data_folder()).expect("the folder").flatten().collect();
    assert_eq!(left.len(), 1, "nothing was to be added");
}

#[tokio::test]
async fn a_file_in_the_place_of_the_folder_is_refused() {
    let scratch = Scratch::new();
    fs::write(scratch.data_folder(), "a file").expect("a file");
    let error = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect_err("it is not a folder");
    assert!(matches!(error, Error::ForeignFolder { .. }), "{error:?}");
}

#[tokio::test]
async fn data_of_another_major_version_are_refused_untouched() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    postgres.stop().await.expect("a stop");
    let data = scratch.data_folder().join("data");
    let command_line = fs::read_to_string(data.join("postmaster.opts")).expect("how it was started");
    let programs =
        command_line.split(' ').next().and_then(|program| PathBuf::from(program).parent().map(PathBuf::from));
    fs::write(data.join("PG_VERSION"), "13\n").expect("another version");

    let error =
        EmbeddedPostgres::builder(scratch.data_folder()).programs(programs).start().await.expect_err("another version");
    assert!(matches!(error, Error::OtherMajor { made_by: 13, .. }), "{error:?}");
    assert!(error.to_string().contains("created by Postgres 13, which is not installed"), "{error}");
    assert!(data.join("base").exists());
}

#[tokio::test]
async fn named_programs_that_are_not_there_are_an_error() {
    let scratch = Scratch::new();
    let nowhere = scratch.path().join("nowhere");
    let builder = EmbeddedPostgres::builder(scratch.data_folder()).programs(Some(nowhere));
    let error = builder.start().await.expect_err("there are no programs");
    assert!(matches!(error, Error::UnusablePrograms { .. }), "{error:?}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let scratch = Scratch::new();
    let folder = scratch.data_folder().join("a-long-name".repeat(9)).join("and another, with spaces and 'quotes'");
    let postgres = EmbeddedPostgres::builder(&folder).remove_on_stop(true).start().await.expect("a start");
    let options = postgres.connect_options("postgres");
    let socket_folder = options.get_socket().expect("a socket").clone();
    assert!(!socket_folder.starts_with(&folder) && socket_folder.as_os_str().len() < 60, "{}", socket_folder.display());
    PgConnection::connect(&postgres.url("postgres")).await.expect("an answer");
    postgres.stop().await.expect("a stop");
    assert!(!socket_folder.exists(), "the socket's folder was to be removed");
}

#[tokio::test]
async fn whatever_letters_are_in_the_path_are_no_obstacle() {
    for name in ["with, commas,\nand lines", "back\\slash 'n' \"quotes\"", "%25 #?&= ü $HOME `id` ;"] {
        let scratch = Scratch::new();
        let folder = scratch.path().join(name);
        let postgres =
            EmbeddedPostgres::builder(&folder).start().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        PgConnection::connect(&postgres.url("postgres")).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let psql = std::process::Command::new("psql").args([&postgres.url("postgres"), "-Atc", "select 1"]).output();
        match psql {
            Ok(said) => assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "1", "{name}: {said:?}"),
            Err(_) => println!("not compared with psql, which is not there"),
        }
        postgres.stop().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        // Again, with the files of the first start.
        let again = EmbeddedPostgres::builder(&folder).start().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        again.stop().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn only_the_server_and_its_user_reach_the_socket() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let options = postgres.connect_options("postgres");
    let mode = |path: &PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(options.get_socket().expect("a socket")), 0o700);
    assert_eq!(mode(&scratch.data_folder().join("data")), 0o700);
    postgres.stop().await.expect("a stop");
}

#[test]
fn a_full_disk_is_named_as_such() {
    let scratch = Scratch::new();
    let disk = scratch.path().join("disk");
    fs::create_dir(&disk).expect("a place to mount");
    let mount = format!("mount -t tmpfs -o size=40m,mode=711 none {} && exec \"$@\"", disk.display());
    let launcher = ["unshare", "--mount", "sh", "-c", &mount, "sh"];
    let possible = std::process::Command::new("unshare").args(["--mount", "sh", "-c", &mount, "sh", "true"]).status();
    if !possible.is_ok_and(|status| status.success()) {
        println!("did not run: no small disk can be mounted here");
        return;
    }
    let member = Member::through(&launcher, &disk.join("db"), &scratch.path().join("member"));
    assert!(member.said.starts_with("failed DiskFull"), "{}", member.said);
    member.leave();
}
