//! Tests that signals end every command and everything that it started.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::terminal::Terminal;
use eqp_test_support::tool::{Home, Running};

const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns whether no process of the Postgres in this folder is running; each of them would hold the lock.
fn runs_nowhere(folder: &Path) -> bool {
    File::open(folder.join("server.lock")).is_ok_and(|lock| lock.try_lock().is_ok())
}

fn postgres(home: &Home) -> std::path::PathBuf {
    home.path().join("data/postgres")
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "in vain waited until {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Waits until the receiver has printed its address.
fn serving(home: &Home) -> Running {
    let mut serve = home.start(SERVE);
    serve.json_line();
    serve
}

/// Creates a database, and leaves no process.
fn has_been_served(home: &Home) {
    let serve = serving(home);
    serve.terminate();
    assert_eq!(serve.end().code, 0);
    assert!(runs_nowhere(&postgres(home)));
}

#[test]
fn two_terminations_in_quick_succession_stop_the_receiver_and_its_postgres() {
    let home = Home::new(crate::EQP);
    let serve = serving(&home);
    serve.signal("TERM");
    serve.signal("TERM");
    let end = serve.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(runs_nowhere(&postgres(&home)));
}

#[test]
fn further_signals_never_abandon_the_postgres_that_a_command_started() {
    let home = Home::new(crate::EQP);
    has_been_served(&home);
    for command in [SERVE, &["events", "tail"], &["wait", "s1"]] {
        let running = home.start(command);
        until("Postgres runs", || !runs_nowhere(&postgres(&home)));
        let pauses = [0, 50, 300, 1100];
        for pause in pauses {
            sleep(Duration::from_millis(pause));
            if !running.try_signal("TERM") {
                break;
            }
        }
        let end = running.end();
        assert!([0, 130].contains(&end.code), "{command:?}: {end:?}");
        assert!(runs_nowhere(&postgres(&home)), "{command:?}: {end:?}");
    }
}

/// Signals at any moment of its start. GNU `timeout` sends them to the process and to its group.
#[test]
fn a_receiver_that_is_timed_out_while_it_starts_leaves_no_postgres_behind() {
    let home = Home::new(crate::EQP);
    for after in ["0.1", "0.3", "0.6", "1", "2"] {
        let mut command = home.command_of(&["timeout", after, env!("CARGO_BIN_EXE_eqp")]);
        command.args(SERVE).stdout(std::process::Stdio::null()).status().unwrap();
        // `timeout` does not wait for processes that end after it has sent its signal to the group.
        let is_over = || !postgres(&home).join("server.lock").exists() || runs_nowhere(&postgres(&home));
        assert!(is_over(), "after {after} s");
    }
}

#[test]
fn a_command_that_only_reads_ends_at_the_first_signal_and_stops_what_it_started() {
    let home = Home::new(crate::EQP);
    has_been_served(&home);
    for (signal, command) in [("INT", &["wait", "s1"][..]), ("TERM", &["wait", "s1"]), ("HUP", &["events", "tail"])] {
        let running = home.start(command);
        until("Postgres runs", || !runs_nowhere(&postgres(&home)));
        // The signal arrives while Postgres is starting, or later.
        running.signal(signal);
        let end = running.end();
        assert!(end.code == 130 || (end.code == 0 && command[0] == "events"), "{signal} {command:?}: {end:?}");
        assert!(runs_nowhere(&postgres(&home)), "{signal} {command:?}");
    }
}

#[test]
fn a_demo_that_is_interrupted_removes_what_it_made() {
    let mut home = Home::new(crate::EQP);
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    fs::set_permissions(&temporary, Permissions::from_mode(0o755)).unwrap();
    home.set("TMPDIR", temporary.display().to_string());
    let is_empty = || fs::read_dir(&temporary).unwrap().next().is_none();
    for after in [0, 300, 1500] {
        let demo = home.start(&["demo", "--exit"]);
        until("it has a folder", || !is_empty());
        sleep(Duration::from_millis(after));
        demo.signal("INT");
        demo.try_signal("INT");
        let end = demo.end();
        assert_eq!(end.code, 130, "{end:?}");
        assert!(is_empty(), "after {after} ms: {end:?}");
    }
}

#[test]
fn a_hangup_does_not_end_a_receiver() {
    let home = Home::new(crate::EQP);
    let serve = serving(&home);
    for _ in 0..3 {
        serve.signal("HUP");
        sleep(Duration::from_millis(100));
    }
    assert!(serve.try_signal("CONT"), "it still runs");
    serve.terminate();
    let end = serve.end();
    assert_eq!(end.code, 0, "{end:?}");
    assert!(end.stderr.contains("stopped"), "{end:?}");
}

#[test]
fn the_postgres_of_a_receiver_that_was_killed_is_stopped_by_the_next_one() {
    let home = Home::new(crate::EQP);
    serving(&home).kill();
    assert!(!runs_nowhere(&postgres(&home)), "it has outlived its receiver");
    let serve = serving(&home);
    serve.terminate();
    assert_eq!(serve.end().code, 0);
    assert!(runs_nowhere(&postgres(&home)));
}

#[test]
fn one_press_of_ctrl_c_ends_a_question() {
    let mut home = Home::new(crate::EQP);
    home.set("EQP_APPLICATION_SECRET", "hush");
    for (arguments, question) in [
        (&["files", "delete", "f1", "--application-id", "app", "--environment", "production"][..], "[y/N]"),
        (&["login", "--environment", "sandbox"], "Application ID for sandbox"),
    ] {
        let Some(mut terminal) = Terminal::start(&home, arguments) else { return };
        terminal.shows(question);
        terminal.type_keys("\u{3}");
        let (code, screen) = terminal.end();
        assert_eq!(code, 130, "{arguments:?}: {screen}");
        assert!(screen.contains("interrupted"), "{screen}");
    }
}

#[test]
fn a_secret_that_never_arrives_on_standard_input_can_be_interrupted() {
    let home = Home::new(crate::EQP);
    for signal in ["INT", "TERM"] {
        let command = ["login", "--application-id", "app", "--secret-file", "-"];
        let (silent, running) = home.start_with_open_input(&command);
        // The signal must not arrive before the tool listens for it.
        until("the tool reads", || is_reading(running.number()));
        running.signal(signal);
        assert_eq!(running.end().code, 130);
        drop(silent);
    }
}

/// Returns whether the tool has a thread that reads standard input.
fn is_reading(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).map(Iterator::count);
    threads.is_ok_and(|threads| threads > 2)
}
