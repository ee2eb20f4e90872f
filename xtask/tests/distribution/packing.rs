//! Packs releases: archives, checksums, notes and the release on GitHub.

use std::collections::BTreeMap;

use crate::setup::{Workplace, installed, root, script};

#[test]
fn the_same_program_results_in_the_same_archive() {
    let mut place = Workplace::new();
    place.set("SOURCE_DATE_EPOCH", "1700000000");
    // The settings of the machine have no effect on the completions.
    place.set("EQP_PROFILE", "mine");
    let mut sums = Vec::new();
    for umask in ["022", "077"] {
        let command = format!(
            "umask {umask}; '{}' eqp x86_64-unknown-linux-musl {umask} && sha256sum {umask}/*",
            script("release/pack.sh")
        );
        let ended = place.run(&["sh", "-c", &command]);
        if ended.said.contains("bsdtar") || installed("sha256sum").is_none() {
            println!("not run: there is no GNU tar or no sha256sum");
            return;
        }
        assert_eq!(ended.code, 0, "{ended:?}");
        sums.push(ended.said.lines().last().unwrap()[..64].to_owned());
    }
    assert_eq!(sums[0], sums[1]);
    let listed = place.run(&["tar", "-tzf", &format!("022/eqp-{}-x86_64-unknown-linux-musl.tar.gz", place.version())]);
    let mut names: Vec<_> = listed.said.lines().filter_map(|line| line.split_once('/')).map(|(_, name)| name).collect();
    names.sort_unstable();
    let expected = [
        "",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "completions/",
        "completions/_eqp",
        "completions/eqp",
        "completions/eqp.fish",
        "eqp",
        "man/",
        "man/eqp.1",
    ];
    assert_eq!(names, expected);
    assert_eq!(place.run(&[&script("release/extras.sh"), "eqp", "extras"]).code, 0);
    assert_eq!(place.text("extras/completions/_eqp"), "# zsh none\n");
}

#[test]
fn a_release_has_checksums_and_its_own_installer() {
    let place = Workplace::new();
    place.release();
    let again = place.run(&[&script("release/assemble.sh"), "dist", "acme/eqp"]);
    assert_eq!((again.code, again.said), (0, place.text("dist/SHA256SUMS")));
    let version = place.version();
    let names: Vec<_> = place.text("dist/SHA256SUMS").lines().map(|line| line[66..].to_owned()).collect();
    assert_eq!(names, [format!("eqp-{version}-x86_64-unknown-linux-musl.tar.gz"), "install.sh".to_owned()]);
    let own = place.text("dist/install.sh");
    assert!(own.contains("\nrepository=acme/eqp\n") && own.contains(&format!("\nrelease={version}\n")));
    for wrong in ["acme", "acme/eqp/x", "a|e/x", "/", "acme/"] {
        assert_eq!(place.run(&[&script("release/assemble.sh"), "dist", wrong]).code, 2, "{wrong}");
    }
}

#[test]
fn only_the_tag_of_the_version_with_dated_notes_can_be_released() {
    let place = Workplace::new();
    let version = place.version();
    assert_eq!(place.run(&[&script("release/version.sh"), &format!("v{version}")]).said, format!("{version}\n"));
    let other = place.run(&[&script("release/version.sh"), "v9.9.9"]);
    assert!(other.code == 1 && other.said.contains("the tag is v9.9.9"), "{other:?}");

    std::fs::write(
        place.path("CHANGES.md"),
        "# Changelog\n\n## [Unreleased]\n\n- y\n\n## 1.3.0 (unreleased)\n\n- x\n\n## [1.2.0] - 2026-11-01\n\n### Added\n\n- One\n\n## 1.1.0\n",
    )
    .unwrap();
    let notes = |version: &str| place.run(&[&script("release/notes.sh"), version, "CHANGES.md"]);
    assert_eq!(notes("1.2.0").said, "### Added\n\n- One\n\n");
    for (version, expected) in [("1.3.0", "marks version 1.3.0 as unreleased"), ("1.2", "has no section")] {
        let ended = notes(version);
        assert!(ended.code == 1 && ended.said.contains(expected), "{ended:?}");
    }
    let own = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(own.contains(&format!("\n## {version}")), "the changelog has a section for version {version}");
}

#[test]
fn a_release_on_github_is_a_draft_until_it_is_complete_and_is_never_changed() {
    let place = Workplace::new();
    place.release();
    // A stand-in for `gh` with one release, whose state and files are files.
    place.program(
        "bin/gh",
        "#!/bin/sh\necho \"$*\" >> calls\ncase $2 in\nview) cat state ;;\ncreate) echo true > state ;;\n\
         upload) shift 4; test ! -e broken && printf '%s\\n' \"$@\" > files ;;\nedit) echo false > state ;;\nesac\n",
    );
    let publish = || place.run(&[&script("release/github.sh"), "v1.2.0", "dist", "notes.md"]);
    std::fs::write(place.path("broken"), "").unwrap();
    assert!(publish().code != 0 && place.text("state") == "true\n");
    std::fs::remove_file(place.path("broken")).unwrap();
    let ended = publish();
    assert!(ended.code == 0 && place.text("state") == "false\n", "{ended:?}");
    assert!(place.text("files").contains("dist/SHA256SUMS\n") && place.text("files").contains("dist/install.sh\n"));
    let calls = place.text("calls");
    let count = calls.lines().fold(BTreeMap::new(), |mut count: BTreeMap<&str, u32>, call| {
        *count.entry(call.split(' ').nth(1).unwrap()).or_default() += 1;
        count
    });
    assert_eq!(count["create"], 1, "{calls}");
    let ended = publish();
    assert!(ended.code == 1 && ended.said.contains("already published"), "{ended:?}");
    assert_eq!(place.text("calls").lines().count(), calls.lines().count() + 1);
}

#[test]
fn a_program_that_needs_shared_libraries_is_not_static() {
    if installed("readelf").is_none() {
        println!("not run: there is no readelf");
        return;
    }
    let place = Workplace::new();
    let ended = place.run(&[&script("release/static.sh"), "/bin/sh"]);
    assert!(ended.code == 1 && ended.said.contains("is not static; it needs libc"), "{ended:?}");
    match installed("busybox").or_else(|| installed("ldconfig.real")) {
        Some(program)
            if std::fs::read(&program).is_ok_and(|bytes| !bytes.windows(12).any(|part| part == b"/lib64/ld-li")) =>
        {
            let ended = place.run(&[&script("release/static.sh"), &program.display().to_string()]);
            assert_eq!(ended.code, 0, "{ended:?}");
        }
        _ => println!("not run: there is no static program"),
    }
}
