//! Tests how external programs are called, read and ended. phpcs and svc are not installed where the tests run, so
//! small scripts replace them, which do what their documentation says.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eqp_check::{Cancellation, Check, Report, Tools};
use eqp_test_support::process_runs;
use eqp_test_support::submission::Submission;

use crate::fixture::{Fixture, locations, not_run};

pub(crate) fn program(folder: &Path, name: &str, script: &str) -> Tools {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    Tools::installed(bin.as_os_str())
}

/// Writes its report to the given file, and records its arguments.
const PHPCS: &str = r#"
printf '%s\n' "$@" > "$(dirname "$0")/called"
for argument; do
  case "$argument" in --report-file=*) report="${argument#--report-file=}" ;; esac
  package="$argument"
done
cat > "$report" <<END
{"totals": {"errors": 1, "warnings": 1, "fixable": 0}, "files": {"$package/Model/Badge.php": {"errors": 1, "warnings": 1,
 "messages": [
  {"message": "Use of eval is forbidden", "source": "Magento2.Security.LanguageConstruct", "severity": 10, "fixable": false, "type": "ERROR", "line": 7, "column": 1},
  {"message": "Line too long", "source": "Magento2.Files.LineLength", "severity": 6, "fixable": false, "type": "WARNING", "line": 9, "column": 1}
 ]}}}
END
exit 1
"#;

pub(crate) fn phpcs_that_finds(folder: &Path) -> Tools {
    program(folder, "phpcs", PHPCS)
}

pub(crate) fn svc_that_finds(folder: &Path) -> (Tools, Option<PathBuf>) {
    let previous = folder.join("previous.zip");
    std::fs::write(&previous, Submission::module().in_folder("acme-1.1.0/").bytes()).unwrap();
    let script = "printf '%s\\n' \"$@\" > \"$(dirname \"$0\")/called\"\n\
        test -f \"$2/composer.json\" && test -f \"$3/composer.json\" && echo 'Minor change is detected.'\nexit 255";
    (program(folder, "svc", script), Some(previous))
}

fn check(fixture: &Fixture, tools: Tools) -> Report {
    Check::new().tools(tools).run(&fixture.archive(&Submission::module().bytes())).unwrap()
}

#[test]
fn phpcs_is_called_with_the_flags_of_the_store_and_its_errors_are_found() {
    let fixture = Fixture::new();
    let report = check(&fixture, phpcs_that_finds(fixture.folder.path()));
    assert_eq!(locations(&report, "code-sniffer"), ["Model/Badge.php:7"]);
    let called = std::fs::read_to_string(fixture.folder.path().join("bin/called")).unwrap();
    let flags: Vec<_> = called.lines().take(4).collect();
    assert_eq!(flags, ["--standard=Magento2", "--extensions=php,phtml", "--error-severity=10", "--ignore-annotations"]);
}

#[test]
fn phpcs_runs_in_parallel_and_shows_how_far_it_is() {
    let fixture = Fixture::new();
    // It ends after its progress was read.
    let script = "echo '....... 60 / 190 (32%)'\nprintf '%s\\n' \"$@\" > \"$(dirname \"$0\")/called\"\n\
        while ! test -f \"$(dirname \"$0\")/seen\"; do sleep 0.05; done\n\
        for a; do case \"$a\" in --report-file=*) echo '{\"totals\":{\"errors\":0},\"files\":[]}' > \"${a#--report-file=}\";; esac; done";
    let seen = fixture.folder.path().join("bin/seen");
    let tools = program(fixture.folder.path(), "phpcs", script).timeout(Duration::from_mins(1));
    let tools = tools.on_progress(move |progress| {
        if progress.files == Some((60, 190)) && progress.program == "phpcs" {
            std::fs::write(&seen, "").unwrap();
        }
    });
    let report = check(&fixture, tools);
    assert!(not_run(&report, "code-sniffer").is_none(), "{:?}", not_run(&report, "code-sniffer"));
    let called = std::fs::read_to_string(fixture.folder.path().join("bin/called")).unwrap();
    assert!(called.lines().any(|flag| flag.starts_with("--parallel=")), "{called}");
}

#[test]
fn an_archive_that_cannot_be_unpacked_here_is_checked_without_programs() {
    let fixture = Fixture::new();
    // A file where a folder is expected.
    let bytes = Submission::module().file("Model", "x").bytes();
    let report = Check::new().tools(phpcs_that_finds(fixture.folder.path())).run(&fixture.archive(&bytes)).unwrap();
    let reason = not_run(&report, "code-sniffer").unwrap();
    assert!(reason.contains("cannot be unpacked"), "{reason}");
    assert!(not_run(&report, "unfinished").is_none());
}

#[test]
fn a_run_without_errors_counts_as_one() {
    let fixture = Fixture::new();
    let script = "for a; do case \"$a\" in --report-file=*) echo '{\"totals\":{\"errors\":0,\"warnings\":2},\"files\":[]}' > \"${a#--report-file=}\";; esac; done";
    let report = check(&fixture, program(fixture.folder.path(), "phpcs", script));
    assert!(!report.is_blocked() && not_run(&report, "code-sniffer").is_none());
}

#[test]
fn a_missing_standard_is_reported_and_counts_as_not_run() {
    let fixture = Fixture::new();
    let script = "echo 'ERROR: the \"Magento2\" coding standard is not installed.'; exit 3";
    let report = check(&fixture, program(fixture.folder.path(), "phpcs", script));
    let reason = not_run(&report, "code-sniffer").unwrap();
    assert!(reason.contains("is not installed"), "{reason}");
}

#[test]
fn a_program_that_hangs_is_ended_with_all_that_it_started() {
    let fixture = Fixture::new();
    let script =
        "sleep 300 & echo $! > \"$(dirname \"$0\")/grandchild\"; echo $$ >> \"$(dirname \"$0\")/grandchild\"; wait";
    let tools = program(fixture.folder.path(), "phpcs", script).timeout(Duration::from_millis(300));
    let started = Instant::now();
    let report = check(&fixture, tools);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(not_run(&report, "code-sniffer").unwrap().contains("timed out"));
    let ids = std::fs::read_to_string(fixture.folder.path().join("bin/grandchild")).unwrap();
    for id in ids.split_whitespace() {
        while process_runs(id) {
            assert!(started.elapsed() < Duration::from_secs(30), "{id} lives on");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_program_that_writes_without_end_is_ended() {
    let fixture = Fixture::new();
    let tools = program(fixture.folder.path(), "phpcs", "exec yes").timeout(Duration::from_mins(1));
    let report = check(&fixture, tools);
    assert!(not_run(&report, "code-sniffer").unwrap().contains("wrote more than"));
}

#[test]
fn who_waits_can_stop_it() {
    let fixture = Fixture::new();
    let tools = program(fixture.folder.path(), "phpcs", ": > \"$(dirname \"$0\")/running\"; sleep 300");
    let (cancellation, archive) = (Cancellation::default(), fixture.archive(&Submission::module().bytes()));
    let running = fixture.folder.path().join("bin/running");
    std::thread::scope(|scope| {
        let check = Check::new().tools(tools).cancellation(cancellation.clone());
        let checked = scope.spawn(move || check.run(&archive));
        while !running.exists() {
            std::thread::yield_now();
        }
        cancellation.cancel();
        assert!(matches!(checked.join().unwrap(), Err(eqp_check::Error::Cancelled)));
    });
}

#[test]
fn the_semantic_version_check_compares_two_unpacked_packages() {
    let fixture = Fixture::new();
    let (tools, previous) = svc_that_finds(fixture.folder.path());
    let check = Check::new().tools(tools.clone()).previous(previous.unwrap());
    let report = check.run(&fixture.archive(&Submission::module().bytes())).unwrap();
    assert_eq!(report.findings[0].message, "a minor change was found");
    let called = std::fs::read_to_string(fixture.folder.path().join("bin/called")).unwrap();
    let called: Vec<_> = called.lines().collect();
    assert_eq!((called[0], called[3], called.len()), ("compare", "1", 4));
    assert!(called[1].ends_with("old/acme-1.1.0/") && called[2].ends_with("new/"), "{called:?}");
    // Without an earlier version, there is nothing to compare.
    let reason = self::check(&fixture, tools);
    assert!(not_run(&reason, "semantic-version").unwrap().contains("no previous version"));
}
