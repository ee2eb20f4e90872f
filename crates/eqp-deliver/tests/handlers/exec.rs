//! Programs: what they receive, what their exit codes mean, and that none can block the worker.

use std::path::Path;
use std::time::{Duration, Instant};

use eqp_deliver::{
    AttemptOutcome, AttemptResult, DefinitionError, DeliveryHandler, ExecDefinition, HandlerDefinition,
    HandlerEnvironment, HandlerSecrets, Program,
};
use eqp_test_support::process_runs;

use crate::messages;
use crate::server::DEADLINE;

const FAILED: AttemptOutcome = AttemptOutcome::EventFailed { retry_after: None };
const DOWN: AttemptOutcome = AttemptOutcome::HandlerDown { retry_after: None };
/// The deadline of programs that are meant to reach it, after they have started.
const SHORT: Duration = Duration::from_secs(2);

/// Returns a handler that runs a shell script.
fn script(script: &str) -> std::sync::Arc<dyn DeliveryHandler> {
    program(Program::new(["sh", "-c", script]).unwrap())
}

fn program(program: Program) -> std::sync::Arc<dyn DeliveryHandler> {
    let environment = HandlerEnvironment::default().with_program("test", program);
    let definition = HandlerDefinition::Exec(ExecDefinition::new("test"));
    definition.build(&HandlerSecrets::default(), &environment).unwrap().unwrap()
}

async fn run(text: &str, deadline: Duration) -> AttemptResult {
    script(text).deliver(&messages::rejection(), deadline).await
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns the process ID in a file, once it is complete.
fn read_id(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()?.strip_suffix('\n').map(str::to_owned)
}

#[tokio::test]
async fn a_program_receives_the_message_and_a_clean_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let handler = program(
        Program::new(["sh", "-c", &format!("cat >{path}/input; env >{path}/env")])
            .unwrap()
            .with_variable("DEPLOY_TARGET", "stage"),
    );
    let message = messages::rejection().replayed(2);
    let result = handler.deliver(&message, DEADLINE).await;
    assert_eq!((result.outcome, result.status, result.note.as_str()), (AttemptOutcome::Delivered, Some(0), ""));
    assert_eq!(std::fs::read_to_string(folder.path().join("input")).unwrap(), message.json() + "\n");
    let environment = std::fs::read_to_string(folder.path().join("env")).unwrap();
    let id = format!("EQP_MESSAGE_ID={}", message.id);
    for line in [&id, "EQP_MESSAGE_TYPE=submission.status_changed", "EQP_REPLAY=2", "DEPLOY_TARGET=stage"] {
        assert!(environment.lines().any(|other| other == line), "{line} is missing in {environment}");
    }
    // The test runner sets this one in the environment of the test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !environment.contains("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn exit_codes_have_the_documented_outcomes() {
    for (code, outcome) in [
        (0, AttemptOutcome::Delivered),
        (1, FAILED),
        (65, AttemptOutcome::NeverRetry),
        (75, AttemptOutcome::RetryLater),
        (255, FAILED),
    ] {
        let result = run(&format!("echo 'because of this' >&2; exit {code}"), DEADLINE).await;
        assert_eq!((result.outcome, result.status), (outcome, Some(code)));
        assert_eq!(result.note, "because of this");
    }
    let killed = run("kill -9 $$", DEADLINE).await;
    assert_eq!((killed.outcome, killed.status), (FAILED, None));
    assert!(killed.note.contains("signal: 9"), "{}", killed.note);
    assert_eq!(run("exit 3", DEADLINE).await.note, "the program ended with exit status: 3");
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_a_problem_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let not_executable = folder.path().join("script");
    std::fs::write(&not_executable, "#!/bin/sh\n").unwrap();
    for path in ["/no/such/program", "no-such-program", not_executable.to_str().unwrap(), "/"] {
        let result = program(Program::new([path]).unwrap()).deliver(&messages::test(), DEADLINE).await;
        let AttemptOutcome::Misconfigured(reason) = result.outcome else { panic!("{path}: {result:?}") };
        assert!(reason.contains(&format!("cannot run {path}")), "{reason}");
    }
}

#[test]
fn only_programs_of_the_configuration_can_be_run() {
    let definition = HandlerDefinition::Exec(ExecDefinition::new("/bin/sh"));
    let built = definition.build(&HandlerSecrets::default(), &HandlerEnvironment::default());
    assert!(matches!(built.err(), Some(DefinitionError::Program { program, .. }) if program == "/bin/sh"));
    for command in [vec![], vec![""], vec!["./deploy"], vec!["bin/deploy"], vec!["../deploy"]] {
        assert!(Program::new(command).is_err());
    }
}

#[tokio::test]
async fn a_program_need_not_read_its_input() {
    let result = run("exec 0<&-; exit 0", DEADLINE).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{}", result.note);
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_stopped() {
    let result = run("echo started >&2; exec sleep 1000", SHORT).await;
    assert_eq!((result.outcome, result.status), (DOWN, None));
    assert_eq!(result.note, "the program was stopped: timed out after 2 s\nstarted");
    assert!(result.duration < SHORT + Duration::from_secs(4), "it was stopped by TERM: {:?}", result.duration);
}

#[tokio::test]
async fn a_program_that_ignores_the_request_to_stop_is_ended_with_everything_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let text = format!("trap '' TERM; (trap '' TERM; sleep 1000) & echo $! >{}; wait; sleep 1000", id.display());
    let result = run(&text, SHORT).await;
    assert_eq!(result.outcome, DOWN);
    assert!(result.duration >= SHORT + Duration::from_secs(5), "{:?}", result.duration);
    let child = read_id(&id).unwrap();
    wait_until("the child has ended", || !process_runs(&child)).await;
}

#[tokio::test]
async fn a_process_that_holds_the_error_output_delays_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let result = run(&format!("sleep 1000 & echo $! >{}; echo done >&2", id.display()), DEADLINE).await;
    assert_eq!((result.outcome, result.note.as_str()), (AttemptOutcome::Delivered, "done"));
    assert!(result.duration < DEADLINE, "{:?}", result.duration);
    let child = rustix::process::Pid::from_raw(read_id(&id).unwrap().parse().unwrap()).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_gigabyte_of_output_is_neither_stored_nor_blocks_the_program() {
    let gigabyte = "head -c 1000000000 /dev/zero | tr '\\0' 'x'";
    let result = run(&format!("{gigabyte}; {gigabyte} >&2; exit 7"), Duration::from_secs(100)).await;
    assert_eq!((result.outcome, result.status), (FAILED, Some(7)));
    assert_eq!(result.note, "x".repeat(4096));
}

#[tokio::test]
async fn a_program_is_ended_if_nobody_waits_for_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let text = format!("sleep 1000 & echo $! >{}; wait", id.display());
    let attempt = tokio::spawn(async move { run(&text, DEADLINE).await });
    wait_until("the program runs", || read_id(&id).is_some()).await;
    let child = read_id(&id).unwrap();
    assert!(process_runs(&child));
    attempt.abort();
    wait_until("the child has ended", || !process_runs(&child)).await;
}
