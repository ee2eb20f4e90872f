//! Installs a release from a folder, from a `file:` address and over HTTP.

use std::collections::BTreeMap;
use std::path::Path;

use crate::setup::{Ended, TARGET, Workplace, installed, script, serve};

fn install(place: &Workplace, options: &[&str]) -> Ended {
    place.run(&[&["sh", &script("install.sh")], options].concat())
}

fn archive(place: &Workplace) -> String {
    format!("eqp-{}-{TARGET}.tar.gz", place.version())
}

/// Returns whether a folder contains nothing, not even a hidden file.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

#[test]
fn a_release_is_installed_from_a_folder_or_an_address() {
    let place = Workplace::new();
    let dist = place.release();
    let files = ["SHA256SUMS", &archive(&place)].map(|name| {
        let content = std::fs::read(dist.join(name)).unwrap();
        (format!("/v1/{name}"), (content.len(), content))
    });
    let address = serve(BTreeMap::from(files));
    for (to, from) in [
        ("folder", "dist".to_owned()),
        ("file", format!("file://{}", dist.display())),
        ("http", format!("{address}/v1/")),
    ] {
        if to == "http" && installed("curl").or_else(|| installed("wget")).is_none() {
            println!("not run: there is neither curl nor wget");
            continue;
        }
        let ended = install(&place, &["--from", &from, "--to", to]);
        assert!(ended.code == 0 && ended.said.contains("is not in PATH"), "{ended:?}");
        assert_eq!(place.run(&[&format!("{to}/eqp"), "--version"]).said, format!("eqp {}\n", place.version()));
        let names: Vec<_> =
            std::fs::read_dir(place.path(to)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["eqp"]);
    }
    // The default folder, and the version of the release to which the script belongs.
    let ended = place.run(&["sh", "dist/install.sh", "--from", "dist"]);
    assert!(ended.code == 0 && place.path(".local/bin/eqp").exists(), "{ended:?}");
    for option in ["--version", "--sha256"] {
        let other = if option == "--version" { "9.9.9" } else { &"0".repeat(64) };
        let ended = install(&place, &["--from", "dist", "--to", "other", option, other]);
        assert!(ended.code == if option == "--version" { 3 } else { 1 } && is_empty(&place.path("other")), "{ended:?}");
    }
    if !address.is_empty() && installed("curl").is_some() {
        let ended = install(&place, &["--from", &address, "--to", "other"]);
        assert!(ended.code == 3 && ended.said.contains("does not exist"), "{ended:?}");
    }
}

#[test]
fn a_changed_or_truncated_archive_is_never_installed() {
    let place = Workplace::new();
    let path = place.release().join(archive(&place));
    let content = std::fs::read(&path).unwrap();
    std::fs::create_dir(place.path("to")).unwrap();
    let mut changed = content.clone();
    *changed.last_mut().unwrap() ^= 1;
    for wrong in [&content[..content.len() - 1], &content[..0], &changed] {
        std::fs::write(&path, wrong).unwrap();
        let ended = install(&place, &["--from", "dist", "--to", "to"]);
        assert!(ended.code == 1 && ended.said.contains("wrong checksum, so it was not installed"), "{ended:?}");
        assert!(is_empty(&place.path("to")));
    }
    if installed("curl").is_none() {
        println!("not run: there is no curl");
        return;
    }
    // The connection ends before the whole file was sent.
    let sums = std::fs::read(place.path("dist/SHA256SUMS")).unwrap();
    let address = serve(BTreeMap::from([
        ("/SHA256SUMS".to_owned(), (sums.len(), sums)),
        (format!("/{}", archive(&place)), (content.len(), content[..100].to_vec())),
    ]));
    let ended = install(&place, &["--from", &address, "--to", "to"]);
    assert!(ended.code == 1 && ended.said.contains("cannot download"), "{ended:?}");
    assert!(is_empty(&place.path("to")));
}

#[test]
fn the_cache_is_verified_and_a_pinned_archive_in_it_needs_no_address() {
    let place = Workplace::new();
    place.release();
    let cached = format!("cache/{}", archive(&place));
    let all = ["--from", "dist", "--to", "to", "--cache", "cache"];
    assert_eq!(install(&place, &all).code, 0);
    let good = std::fs::read(place.path(&cached)).unwrap();
    std::fs::write(place.path(&cached), "changed").unwrap();
    let ended = install(&place, &all);
    assert!(ended.code == 0 && ended.said.contains("downloading it again"), "{ended:?}");
    assert_eq!(std::fs::read(place.path(&cached)).unwrap(), good);
    let sum = place.text("dist/SHA256SUMS").lines().find(|line| line.ends_with(".tar.gz")).unwrap()[..64].to_owned();
    let pinned = ["--from", "nowhere", "--to", "second", "--cache", "cache", "--sha256", &sum];
    assert_eq!(install(&place, &pinned).code, 3);
    let ended = install(&place, &[&pinned[..], &["--version", &place.version()]].concat());
    assert!(ended.code == 0 && place.path("second/eqp").exists(), "{ended:?}");
}

#[test]
fn what_cannot_be_installed_is_a_plain_error() {
    let mut place = Workplace::new();
    place.release();
    for (code, options, expected) in [
        (2, &["--from", "http://mirror.example.com"][..], "use https"),
        (2, &["--from", "ftp://mirror.example.com"], "neither a folder nor an address"),
        (2, &[], "pass --from ADDRESS"),
        (2, &["--from"], "needs a value"),
        (2, &["--version", "../x", "--from", "dist"], "not a version"),
        (2, &["--sha256", "abc", "--from", "dist"], "not a SHA-256 checksum"),
        (2, &["--what"], "unknown option"),
        (3, &["--from", "nowhere"], "does not exist"),
        (1, &["--from", "dist", "--to", "/dev/null/bin"], "choose another folder with --to"),
    ] {
        let ended = install(&place, options);
        assert!(ended.code == code && ended.said.contains(expected), "{options:?}: {ended:?}");
        assert!(!place.path(".local").exists(), "{options:?}");
    }
    // An older version stays if the new program does not run.
    place.program("to/eqp", "old");
    place.program(
        "eqp",
        "#!/bin/sh\ncase $1 in --version) echo 'Illegal instruction'; exit 1 ;; esac\nmkdir -p \"$2\"\n",
    );
    place.run(&["rm", "-r", "dist"]);
    place.release();
    let ended = install(&place, &["--from", "dist", "--to", "to"]);
    assert!(ended.code == 1 && ended.said.contains("Illegal instruction"), "{ended:?}");
    assert_eq!(place.text("to/eqp"), "old");
    place.set("SYSTEM", "Plan9");
    let ended = install(&place, &["--from", "dist"]);
    assert!(ended.code == 3 && ended.said.contains("no program for Plan9 on x86_64; build eqp from"), "{ended:?}");
}

#[test]
fn without_a_program_for_downloads_or_checksums_nothing_is_installed() {
    let place = Workplace::new();
    place.release();
    let tools = ["sh", "uname", "mktemp", "awk", "sed", "tr", "rm", "cp", "cat"];
    for name in tools.iter().filter(|name| **name != "uname") {
        let path = installed(name).unwrap();
        std::os::unix::fs::symlink(path, place.path("bin").join(name)).unwrap();
    }
    let bin = format!("PATH={}", place.path("bin").display());
    let run = |from: &str| place.run(&["env", &bin, "sh", &script("install.sh"), "--to", "to", "--from", from]);
    let ended = run("https://127.0.0.1:1");
    assert!(ended.code == 1 && ended.said.contains("neither curl nor wget is installed"), "{ended:?}");
    let ended = run("dist");
    assert!(ended.code == 1 && ended.said.contains("neither sha256sum nor shasum nor openssl"), "{ended:?}");
    assert!(is_empty(&place.path("to")));
}

#[test]
fn an_incomplete_script_does_nothing() {
    let place = Workplace::new();
    place.release();
    let script = place.text("dist/install.sh");
    let end = script.trim_end().len();
    let cuts = script.match_indices('\n').map(|(at, _)| at).step_by(7).chain(end - 16..end);
    for cut in cuts {
        std::fs::write(place.path("part.sh"), &script[..cut]).unwrap();
        place.run(&["sh", "part.sh", "--from", "dist", "--to", "to"]);
        assert!(!place.path("to").exists() && !place.path(".local").exists(), "{}", &script[..cut]);
    }
    std::fs::write(place.path("part.sh"), &script[..end]).unwrap();
    let ended = place.run(&["sh", "part.sh", "--from", "dist", "--to", "to"]);
    assert!(ended.code == 0 && place.path("to/eqp").exists(), "{ended:?}");
}
